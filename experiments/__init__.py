"""The paper's figures and what goes beyond them. They come with the learners."""
