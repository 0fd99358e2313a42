"""The sentences of the synthetic corpus: our own, short, with many lip closures and many other phones."""

from __future__ import annotations

import numpy as np

# prose: off (spoken sentences)
SENTENCES = tuple(
    line.strip()
    for line in """
    Pamela bought a big blue map before my mother went home.
    Bob put the warm bread beside a pile of plums.
    My brother may bring both maps to the meeting.
    Five very brave women moved the piano upstairs.
    The farmer found a purple beetle under the bench.
    Please bring me a cup of peppermint tea by noon.
    We saw a huge white ship leave the harbour at dawn.
    Maybe the baker will make more apple pies on Monday.
    She chose a yellow shawl to show her youngest cousin.
    The problem with the pump began before the storm.
    You should move the lamp away from the big window.
    Both boys jumped over the muddy puddle by the barn.
    Every morning the postman whistles a simple tune.
    A small bird built its nest above the open gate.
    I hope the black pepper improves your tomato soup.
    Thirty thousand people marched along the river path.
    Who knew that the old clock could chime so loudly?
    He wore a brown wool coat and a pair of muddy boots.
    The museum opens at five minutes before nine.
    Give the puppy a bowl of water and a warm blanket.
    They often visit the famous abbey in the valley.
    My favourite book is about a bear who loves maps.
    Put the empty bottles back into the cardboard box.
    We will probably fly to Boston in late November.
    The blue boat drifted slowly past the broken bridge.
    Can you imagine a simpler way to pump up a bicycle?
    Our team was happy to beat the champions at home.
    The church choir rehearsed a joyful wedding song.
    Lemon juice and brown sugar make a pleasant marmalade.
    Few visitors ever find the path behind the waterfall.
    The carpenter measured both boards before lunch.
    I would rather stay home and read another poem.
    Move your thumb up and press the bottom button.
    The umpire blamed the bumpy pitch for the bad bounce.
    Warm rain began to fall over the empty beach.
    Just put the jumper by the lamp in my bedroom.
    A pale moon appeared above the western mountains.
    Four grey geese flew across the frozen meadow.
    The mayor promised to improve every public park.
    She keeps a box of shiny pebbles from the beach.
    Bill mopped the marble floor until it sparkled.
    Choose the soup or the mushroom pie with peas.
    We use the shovel to move the heavy wet snow.
    Bees buzz about the plum trees in my uncle's garden.
    The poet wrote a bitter poem about an empty harbour.
    Do you ever wonder why the ocean looks so green?
    The plumber mended a broken pipe above the bath.
    My aunt bakes amber honey biscuits for the market.
    Those shoes are too big for the boy with the bike.
    The voyage to the island took about five weeks.
    Place the stamp on the upper corner of the envelope.
    Loud thunder woke the baby in the middle room.
    A number of maple leaves blew over the pavement.
    The film about the bomber pilot made him weep.
    Pour the milk, whip it well, and warm the bowl.
    The judge asked each witness for a simple answer.
    Back at the camp we boiled some beans for supper.
    Why would anyone feed the sheep before sunrise?
    The blind pianist played a very moving lullaby.
    They hung a huge map of Europe above the sofa.
    Pick up the paper bag and bring it to my office.
    The lively crowd cheered as the women won the cup.
    Some people prefer to jump off the deep end first.
    The lamb hid behind a bush by the pebble path.
    """.strip().splitlines()
)
# prose: on

_PARTS = tuple(
    line.strip().split("|")
    for line in """
    my mother|Bob|the plumber|a young farmer|Pamela|the happy baker|our umpire|each visitor|the old bishop|your brother
    bought|moved|may bring|would love|photographed|chose|put away|found|will polish|remembered|washed|borrowed|pushed
    a blue umbrella|both maps|the empty box|five plums|a wooden chair|the warm milk|some bitter lemons|the marble fish
    a huge pumpkin|my favourite lamp|the broken piano|white feathers|a big bowl of soup|the jam jars|yellow rope
    before breakfast|by the bridge|above the shop|at the public beach|in February|behind the museum|for my nephew
    on the way home|under the maple tree|from the market|with both thumbs|after the voyage|during the storm
    """.strip().splitlines()
)
_WHO, _DID, _WHAT, _WHERE = _PARTS[0], _PARTS[1], _PARTS[2] + _PARTS[3], _PARTS[4] + _PARTS[5]
_COMPOSED = len(_WHO) * len(_DID) * len(_WHAT) * len(_WHERE)


def sentences(count: int, seed: int = 0) -> list[str]:
    """Return `count` sentences in a seeded order: each written one once, then composed ones, then repeated ones."""
    rng = np.random.default_rng([seed, 1])
    chosen = [SENTENCES[k] for k in rng.permutation(len(SENTENCES))[:count]]
    seen = set(chosen)
    while len(chosen) < count:
        parts = [options[rng.integers(len(options))] for options in (_WHO, _DID, _WHAT, _WHERE)]
        sentence = " ".join(parts) + "."
        sentence = sentence[0].upper() + sentence[1:]
        if sentence not in seen or len(seen) > 0.9 * _COMPOSED:
            seen.add(sentence)
            chosen.append(sentence)
    return chosen
