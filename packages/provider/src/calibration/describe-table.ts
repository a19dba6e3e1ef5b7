import { listSigners, type TableFile } from '@ogong/host/drift-table/table-file';
import { computeDeterrence, type DeterrenceTerms } from '@ogong/protocol/audit/audit-plan-table';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { PPM } from '@ogong/protocol/exchange/reputation';
import type { DistanceRow } from '@ogong/protocol/modality/text/drift/distance-rows';
import { type DriftRow, POWER_RATES, QUANTILES, UNLIMITED } from '@ogong/protocol/modality/text/drift/drift-table';
import { formatDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-diff';
import { countHeldOut } from '@ogong/protocol/modality/text/drift/strata';
import { LENGTH_BANDS, REPLY_SCORES } from '@ogong/protocol/modality/text/stage2/reply-scores';

/** Summarises a table: its maker, the measured setups, the number of replies, and the verdicts that it allows. */
export function describeTable(crypto: Crypto, file: TableFile): string {
  const { table, hash } = file;
  const signers = listSigners(crypto, file).map(toHex);
  const head = [
    `version ${table.version}, hash ${toHex(hash)}`,
    table.previous.some((byte) => byte !== 0) ? `follows ${toHex(table.previous)}` : 'the first of its chain',
    signers.length === 0 ? 'signed by nobody' : `signed by ${signers.join(', ')}`,
    ...table.families.map(({ numericClass, family }) => `${numericClass} is of the family ${family}`),
    `${table.rows.length} rows`,
  ];
  const parts = [...table.rows.map(describeRow), ...(table.distances ?? []).map(describeDistances)];
  return `${head.join('\n')}\n${parts.map((part) => `\n${part}`).join('')}`;
}

function describeDistances({
  modelRoot,
  providerClass,
  verifierClass,
  replies,
  codeVersion,
  largest,
}: DistanceRow): string {
  const lines = [
    `model ${toHex(modelRoot)}, distances`,
    `  provider  ${providerClass}`,
    `  verifier  ${verifierClass}`,
    `  honest    ${replies} replies, code ${codeVersion}`,
    ...largest.map(({ name, value }) => `  largest   ${name} ${Number(value.toPrecision(3))}`),
  ];
  return `${lines.join('\n')}\n`;
}

export function describeBand(band: number): string {
  const low = (LENGTH_BANDS[band - 1] ?? 0) + 1;
  const high = LENGTH_BANDS[band];
  return high === undefined ? `${low} tokens or more` : `${low} to ${high} tokens`;
}

function describeRow(row: DriftRow): string {
  const { strata, fitReplies, tokens, context, seeds, codeVersion, inflation, scores, power } = row;
  const { levels } = row.likelihood;
  const lines = [
    `model ${toHex(row.modelRoot)}, ${describeBand(row.band)}`,
    `  provider  ${row.providerClass}`,
    `  verifier  ${row.verifierClass}`,
    `  honest    ${countHeldOut(strata)} replies held out, ${fitReplies} fitted to, ${tokens} tokens, contexts up to ${context}, seeds ${seeds.first}..${seeds.last}, code ${codeVersion}`,
    `  noise     windows of a reply share it ${inflation.toFixed(2)}-fold`,
    ...strata.map(
      ({ surprise, calibration }) =>
        `  least p   ${formatShare(1 / (calibration.replies + 1))} by rank, of text up to ${surprise.toFixed(1)} nats a token`,
    ),
    ...levels.map(
      ({ surprise: at, centre, width }) =>
        `  level     statistic ${centre.toFixed(2)} at ${at.toFixed(2)} nats a token, to the 90 % quantile ${width.toFixed(2)} more`,
    ),
    ...scores.slice(0, 1).map((quantiles) => {
      const at = (q: number): string => {
        const i = QUANTILES.indexOf(q);
        const limit = (value: number | undefined): string =>
          value === undefined || Math.abs(value) >= UNLIMITED ? 'unknown' : Math.exp(value).toExponential(2);
        return `${q * 100} % ${limit(quantiles.value[i])} (${limit(quantiles.low[i])} to ${limit(quantiles.high[i])})`;
      };
      return `  ${REPLY_SCORES[0]}  ${[0.5, 0.99, 0.999].map(at).join(', ')}`;
    }),
    ...power.map(({ name, replies, caught }) => {
      const rates = POWER_RATES.map((rate, i) => `${formatShare((caught[i] as number) / replies)} at ${rate}`);
      return `  caught    ${name}: ${replies === 0 ? 'not measured' : `${rates.join(', ')} of ${replies} replies`}`;
    }),
    ...describeDeterrence(row),
  ];
  return `${lines.join('\n')}\n`;
}

/** Every reply audited, a cheat that saves half the fee, and nothing but the fee to lose; the fee itself is a matter of ratios. */
export const DEFAULT_TERMS: DeterrenceTerms = {
  coveragePpm: PPM,
  savingPpm: PPM / 2,
  feeAtomic: 1_000_000n,
  franchiseAtomic: 0n,
  rate: 0.001,
};

/**
 * Proposition 1 of the whitepaper for each cheat: how often one has to look so that it does not pay. Of other terms tells `ogong
 * calibrate plan`.
 */
const describeDeterrence = (row: DriftRow): string[] =>
  computeDeterrence(row, DEFAULT_TERMS).flatMap((each) => {
    if (each.kind === 'unmeasured') return [];
    const needed =
      each.leastCoveragePpm === undefined
        ? 'not by the loss of a fee, at whatever coverage; by ejection alone'
        : `by a coverage of ${Math.ceil(each.leastCoveragePpm / 1000) / 1000}`;
    return [`  deterred  ${each.name}, where it saves half the fee: ${needed}, at ${DEFAULT_TERMS.rate}`];
  });

export const formatShare = (share: number): string => Number(share.toPrecision(3)).toString();

/** For machines: the parsed table, bytes as hex. */
export function toTableJson(crypto: Crypto, file: TableFile): object {
  const signers = listSigners(crypto, file).map(toHex);
  return { hash: toHex(file.hash), signers, ...(JSON.parse(formatDriftTable(file.table)) as object) };
}
