from .corpus import Recipe as Recipe, make_clip as make_clip, plan as plan, synthesise as synthesise
from .voice import Speech as Speech, Voice as Voice, speak as speak
