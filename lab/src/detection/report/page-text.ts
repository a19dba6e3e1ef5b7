/** Behaviour of each family of attacks, for a new reader. */
export const FAMILY_TEXT: Readonly<Record<string, string>> = {
  weights: 'computes with a cheaper model, cache or prompt than the sold one',
  sampling: 'chooses other tokens than the signed draws',
  commitment: 'signs a record that does not fit the reply',
  behaviour: 'cheats only sometimes, repeats itself, stops early, or disputes the request',
};

export const HOW_CHECKED = `In tiers \`verified\`, \`replay\` and \`tee\` a validator checks an audited reply in two stages.

- **Stage 1** replays every random draw from the signed values, without a model. It refutes a reply with other tokens than those draws, and has
  no error rate.
- **Stage 2** asks another provider to run the reply again in one pass, and compares the values. Inside one **exact class** (same kernels, so same
  bits) one differing bit refutes. **Between classes** honest values drift a little, so a statistic decides. Each reply adds evidence, and at a
  thousand to one the network ejects the provider. This report counts an attack as decided at a million to one.`;

export const HOW_SURE = `- Every share has a 95 % interval, for example 99.6 % (98.2..99.9). 100 % means that nothing was missed in this sample: 24 of 24 is still
  compatible with 86 %.
- A catch rate at a false-reject rate of 1e-4 needs a large honest sample. With a smaller one the threshold lies on a fitted tail, and the rate
  is an extrapolation.
- "Tokens until decided" is a median over random orders of the replies; no reply is used twice.
- An aim is **met** or **missed** only if its interval leaves no doubt. Otherwise the sample does not decide it.
- The run used one small model (stories15M) on CPUs and on a software Vulkan device. Other models and hardware drift differently:
  measure them with \`npm run ogong -- calibrate\`. A real GPU has its own page: [cards](cards.md).
- The catalogue holds known attacks only. An empty list of open attacks says nothing about others.`;

export const READING = `- **Caught per 32 tokens, 1e-4**: windows of 32 tokens that the values alone reject, at the threshold that one honest window in 10,000
  exceeds. **fit**: that threshold lies on a fitted tail, since the honest sample is too small for it.
- **Tokens to 1e6 : 1**: tokens of one provider, in replies of 32, until the evidence against it is a million to one. The cell shows the median, and in brackets
  the 90 % quantile over orders of its replies. **Not reached**: not within the replies of this run.
- **Stage 1**: replies that replaying the draws refutes. **Exact class**: replies that differ when a verifier of the same class runs them
  again, with the median and the latest first differing token.
- **Fixed 0.10 / 0.10 passes**: windows that one fixed pair of thresholds for all classes would let pass. It stands here to compare with.
- An empty cell was not measured, or does not apply.`;
