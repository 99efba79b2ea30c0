"""The pages: each module answers for one noun, and each answer is one look at one moment of the index."""
