"""The embedded talking-head corpus: one photographed face, many people, exact phone times, no download."""
