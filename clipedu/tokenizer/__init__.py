"""Words to numbers: byte-pair encoding, trained here or read from OpenAI's merges file."""

from clipedu.tokenizer.tokenizer import Tokenizer, row_ids

__all__ = ["Tokenizer", "row_ids"]
