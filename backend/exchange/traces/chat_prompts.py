"""The question inside a prompt: the last turn of the user, without the marks of chat templates."""

import re

# Where a user's turn begins in the templates of Qwen, Llama, DeepSeek, Gemma, Mistral, Phi and gpt-oss.
_USER = re.compile(
    r"<\|im_start\|>user(?:<\|im_sep\|>)?|<\|start_header_id\|>user<\|end_header_id\|>|<｜User｜>|<start_of_turn>user|"
    r"<\|turn>user|\[INST\]|<\|user\|>|<\|start\|>user<\|message\|>|<\|start_of_role\|>user<\|end_of_role\|>"
)
_END = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<｜(?:Assistant|end▁of▁sentence)｜>|<end_of_turn>|<turn\|>|\[/INST\]|<\|end\|>|"
    r"<\|assistant\|>|<\|end_of_text\|>|<\|start\|>assistant|\Z"
)
# What is left of the last user turn once the special tokens are gone, as in verl's dumps.
_PLAIN = re.compile(r"(?:\A|.*\n)user\n(?P<question>.*?)(?:\nassistant\n?(?:<think>\n?)?)?\Z", re.DOTALL)


def question_of(prompt: str) -> str:
    """The last user turn of a prompt with a chat template's marks; the prompt as it is where it has none."""
    starts = list(_USER.finditer(prompt))
    if starts:
        rest = prompt[starts[-1].end() :]
        end = _END.search(rest)
        return rest[: end.start() if end else len(rest)].strip()
    plain = _PLAIN.match(prompt) if "user\n" in prompt[:4096] else None
    return plain["question"] if plain else prompt
