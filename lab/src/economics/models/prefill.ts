import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

/**
 * A provider decodes with a cheap model and pre-fills the true one over its tokens, so that sketches and log-probabilities are
 * right. Draws are replayed on every reply, so each token has to be the one that the key draws from the true distribution.
 * @param agreement chance that the cheap model's token is the drawn one. @param rho cost of the pre-fill / cost of decoding.
 */
function margin({
  agreement,
  cheap,
  rho,
  tokens,
  replayed,
}: {
  agreement: number;
  cheap: number;
  rho: number;
  tokens: number;
  replayed: boolean;
}) {
  const passes = replayed ? agreement ** tokens : 1;
  // With replay the cheat may mend each wrong token by going on from the true model's pre-fill: one more pass for each.
  const mended = cheap + rho + (replayed ? tokens * (1 - agreement) * (rho / tokens + 1 / tokens) : 0);
  return { passes, mended };
}

export function runPrefill(): EconomicModel {
  const { list, say } = createFindings();
  const base = { cheap: 0.2, rho: 0.3, tokens: 128 };
  const rows = [0.6, 0.8, 0.9, 0.95, 0.99].map((agreement) => {
    const without = margin({ ...base, agreement, replayed: false });
    const replayed = margin({ ...base, agreement, replayed: true });
    return { agreement, without, replayed };
  });
  say(
    'Without draw replay the attack costs half of honest work and passes always',
    rows.every(({ without }) => without.passes === 1 && without.mended === 0.5),
    `cost ${round(0.5)} of honest decoding`,
  );
  say(
    'With it less than a third of replies of 128 tokens pass unmended, even from a model that agrees in 99 of 100 tokens',
    rows.every(({ replayed }) => replayed.passes < 1 / 3),
    rows
      .map(({ agreement, replayed }) => `${agreement}: ${percent(replayed.passes, replayed.passes < 0.001 ? 6 : 1)}`)
      .join(', '),
  );
  say(
    'The attacker is left with speculative decoding: mended tokens are the true model’s own, and the answer is right',
    rows.every(({ replayed }) => replayed.mended > 0.5),
    `it costs ${rows.map(({ agreement, replayed }) => `${round(replayed.mended)} at ${agreement}`).join(', ')}`,
  );
  return {
    id: 'prefill',
    title: 'Pre-filling the true model over a cheap one',
    summary:
      'An attacker generates with a cheap model and forges all audited values with one pass of the true model. Replaying every draw stops it. The cheap model costs a fifth of the true one, a pre-fill three tenths.',
    findings: list,
  };
}
