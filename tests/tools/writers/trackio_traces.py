"""Logs traces and metrics by Trackio, as a training loop would, and prints them: `python trackio_traces.py`."""

import json

import trackio

ROLLOUTS = {
    0: [("What is 6 x 7?", "Six sevens. Wait, 42.", "42", 1.0), ("What is 9 + 8?", "Hmm, maybe 16?", "16", 0.0)],
    10: [("What is 6 x 7?", "42.", "42", 1.0), ("What is 9 + 8?", "Perhaps 17.", "17", 1.0)],
}
GOLD = {"What is 6 x 7?": "42", "What is 9 + 8?": "17"}

run = trackio.init(project="sums", name="seed-0", config={"model": "ant-8B", "temperature": 0.7})
said = []
for step, rollouts in ROLLOUTS.items():
    traces = []
    for question, thinking, answer, reward in rollouts:
        messages = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"It is {answer}.", "reasoning_content": thinking},
        ]
        traces.append(trackio.Trace(messages=messages, metadata={"reward": reward, "gold": GOLD[question]}))
        said.append(
            {
                "step": step,
                "question": question,
                "thinking": thinking,
                "text": f"It is {answer}.",
                "gold": GOLD[question],
                "reward": reward,
            }
        )
    trackio.log({"rollouts": traces, "entropy": 1.5 - step / 20, "loss": 0.25}, step=step)
trackio.finish()
print(json.dumps(said))
