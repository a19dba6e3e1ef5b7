/** What each family of attacks does, for a new reader. */
export const FAMILY_TEXT: Readonly<Record<string, string>> = {
  weights: 'computes with another, cheaper model, cache or prompt than was sold',
  sampling: 'computes as sold or not, but picks tokens otherwise than the signed draws do',
  commitment: 'signs a record that does not fit the reply',
  behaviour: 'serves honestly only sometimes, repeats itself, breaks off, or disagrees about what was asked',
};

export const HOW_CHECKED = `A validator looks at a reply in two stages.

- **Stage 1** replays every random draw from the signed values, without a model. A reply whose tokens are not those draws is refuted;
  there is no error rate.
- **Stage 2** asks another provider to run the reply again in one pass and compares the values. Where both are in one **exact class** (same
  kernels, so same bits) one differing bit refutes. **Between classes** honest values drift a little, and only a statistic can judge: each
  reply adds evidence, and at a million to one the provider is rejected and ejected.`;

export const HOW_SURE = `- Every share has a 95 % interval, for example 99.6 % (98.2..99.9). 100 % is printed only where nothing was missed, and its interval
  says how little that may mean: 24 of 24 is still compatible with 86 %.
- A catch rate at a false-reject rate of 1e-4 needs honest samples that large. Where there are fewer, the threshold lies on a tail fitted to
  them (hollow marks in the plots), and the rate is an extrapolation.
- "Tokens until decided" is a median over random orders of the replies at hand; no reply is used twice.
- An aim is **met** or **missed** only where its interval leaves no doubt. Otherwise the sample does not decide it.
- All of it is one small model (stories15M) on CPUs, and on a software Vulkan device. Other models and other hardware drift otherwise:
  measure them with \`npm run ogong -- calibrate\`. A real GPU has a page of its own: [cards](cards.md).
- The catalogue holds the attacks that we thought of. That none is open says nothing about those that are not in it.`;

export const READING = `- **Caught per 32 tokens, 1e-4**: windows of 32 tokens that the values alone reject, at the threshold that one honest window in 10,000
  exceeds. **fit**: that threshold lies on a fitted tail, since the honest sample is too small for it.
- **Tokens to 1e6 : 1**: tokens of one provider, in replies of 32, until the evidence against it is a million to one: median, and in brackets
  the 90 % quantile over orders of its replies. **Not reached**: not within the replies of this run.
- **Stage 1**: replies that replaying the draws refutes. **Exact class**: replies that differ when a verifier of the same class runs them
  again, with the median and the latest first differing token.
- **Fixed 0.10 / 0.10 passes**: windows that one fixed pair of thresholds for all classes would let pass. It stands here to compare with.
- An empty cell was not measured, or does not apply.`;
