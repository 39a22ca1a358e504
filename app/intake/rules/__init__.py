"""Pure understanding of what people write: folding, the lexicon, triage. Nothing here stores or sends."""
