"""The paper's figures and what goes beyond them: data, pictures, and what they say of the paper's claims."""
