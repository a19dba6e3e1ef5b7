import type { TableFile } from '@ogong/host/drift-table/table-file';
import {
  computeDeterrence,
  computeSaving,
  type Deterrence,
  type DeterrenceTerms,
} from '@ogong/protocol/audit/audit-plan-table';
import { toHex } from '@ogong/protocol/base/bytes';
import { PPM } from '@ogong/protocol/exchange/reputation';
import type { DriftRow } from '@ogong/protocol/modality/text/drift/drift-table';
import { describeBand, formatShare } from './describe-table.ts';

type Measured = Extract<Deterrence, { kind: 'measured' }>;

interface PlannedRow {
  readonly row: DriftRow;
  readonly cheats: readonly Deterrence[];
}

const planRows = (file: TableFile, terms: DeterrenceTerms): readonly PlannedRow[] =>
  file.table.rows.map((row) => ({ row, cheats: computeDeterrence(row, terms) }));

/** Proposition 1 of the whitepaper with an operator's terms, for every cheat that the table measured. */
export function describePlan(file: TableFile, terms: DeterrenceTerms): string {
  const rows = planRows(file, terms);
  const { coveragePpm, savingPpm, feeAtomic, franchiseAtomic, rate } = terms;
  const lines = [
    `version ${file.table.version}, hash ${toHex(file.hash)}`,
    `alpha ${formatPpm(coveragePpm)}; a cheat saves ${formatPpm(savingPpm)} of the fee, ${computeSaving(terms)} of ${feeAtomic}; franchise ${franchiseAtomic}; at ${rate}`,
    'deterred is what saves at most alpha (s - eps) (fee + franchise): s of the cheats is caught, eps of honest replies',
    ...rows.flatMap((each) => ['', ...describeRow(each, terms)]),
    '',
    concludePlan(rows, terms),
  ];
  return `${lines.join('\n')}\n`;
}

function describeRow({ row, cheats }: PlannedRow, terms: DeterrenceTerms): string[] {
  // Otherwise a row of few honest replies looks like a check that catches nothing.
  const leastP = Math.min(...row.strata.map(({ calibration }) => 1 / (calibration.replies + 1)));
  return [
    `model ${toHex(row.modelRoot)}, ${describeBand(row.band)}`,
    `  provider  ${row.providerClass}`,
    `  verifier  ${row.verifierClass}`,
    ...(leastP > terms.rate
      ? [
          `  note      the least p by rank is ${formatShare(leastP)}: at ${terms.rate} only fixed limits catch; measure more honest replies, or ask with a higher --false-reject`,
        ]
      : []),
    ...(cheats.length === 0 ? ['  cheat     none was measured: the deterrent is unknown'] : []),
    ...cheats.flatMap((cheat) => describeCheat(cheat, terms)),
  ];
}

function describeCheat(cheat: Deterrence, terms: DeterrenceTerms): string[] {
  if (cheat.kind === 'unmeasured') return [`  cheat     ${cheat.name}: not measured: its deterrent is unknown`];
  const { name, replies, caught, soundnessPpm, leastCoveragePpm, deterredSavingAtomic } = cheat;
  const [saving, alpha] = [formatPpm(terms.savingPpm), formatPpm(terms.coveragePpm)];
  const share = Number((deterredSavingAtomic * BigInt(PPM)) / terms.feeAtomic);
  const least =
    leastCoveragePpm === undefined
      ? `none deters a saving of ${saving} of the fee`
      : `${formatPpm(leastCoveragePpm)} or more deters a saving of ${saving} of the fee`;
  return [
    `  cheat     ${name}: ${caught} of ${replies} replies caught, ${formatShare(caught / replies)}; s = ${formatPpm(soundnessPpm)}, the lower 95 % limit`,
    `    alpha     ${least}`,
    `    saving    up to ${formatPpm(share)} of the fee, ${deterredSavingAtomic}, is deterred at alpha ${alpha}`,
    `    so        ${explainCheat(cheat, alpha)}`,
  ];
}

function explainCheat({ isDeterred, leastCoveragePpm, soundnessPpm, falsePositivePpm }: Measured, alpha: string) {
  if (isDeterred) return `deterred: at alpha ${alpha} it stands to lose at least what it saves`;
  if (leastCoveragePpm !== undefined) {
    return `it pays: audit ${formatPpm(leastCoveragePpm)} of replies, or have more at stake (--franchise)`;
  }
  return soundnessPpm > falsePositivePpm
    ? 'it pays at any alpha: only more at stake (--franchise) deters it'
    : 'no rejected reply deters it at any stake: it is not shown to be rejected more often than honest ones. Only evidence of many replies may';
}

function concludePlan(rows: readonly PlannedRow[], { coveragePpm }: DeterrenceTerms): string {
  const cheats = rows.flatMap((row) => row.cheats);
  const measured = cheats.filter((cheat) => cheat.kind === 'measured');
  if (measured.length === 0) return 'no cheat was measured: this table says nothing about what deters';
  const paying = measured.filter(({ isDeterred }) => !isDeterred).length;
  const least = findLeastCoverage(measured);
  const found =
    paying === 0
      ? `alpha ${formatPpm(coveragePpm)} deters every measured cheat (${measured.length})`
      : `${paying} of ${measured.length} measured cheats pay at alpha ${formatPpm(coveragePpm)}`;
  const needed = least === undefined ? 'no alpha deters them all' : `the least that deters all is ${formatPpm(least)}`;
  const unknown = cheats.length - measured.length;
  return `${found}; ${needed}${unknown === 0 ? '' : `; not measured: ${unknown}`}`;
}

/** @returns undefined if no coverage deters all of them. */
function findLeastCoverage(measured: readonly Measured[]): number | undefined {
  const each = measured.map(({ leastCoveragePpm }) => leastCoveragePpm);
  return each.reduce((a, b) => (a === undefined || b === undefined ? undefined : Math.max(a, b)), 0);
}

/** Exact, so that what is printed as enough is enough when it is given back as --alpha. */
const formatPpm = (ppm: number): string => String(ppm / PPM);

/** For machines: amounts as decimal text, null if no coverage deters. */
export function toPlanJson(file: TableFile, terms: DeterrenceTerms): object {
  const { coveragePpm, savingPpm, feeAtomic, franchiseAtomic, rate } = terms;
  return {
    hash: toHex(file.hash),
    terms: {
      ...{ coveragePpm, savingPpm, savingAtomic: String(computeSaving(terms)) },
      ...{ feeAtomic: String(feeAtomic), franchiseAtomic: String(franchiseAtomic), rate },
    },
    rows: planRows(file, terms).map(({ row, cheats }) => ({
      modelRoot: toHex(row.modelRoot),
      ...{ providerClass: row.providerClass, verifierClass: row.verifierClass, band: row.band },
      cheats: cheats.map((cheat) =>
        cheat.kind === 'unmeasured'
          ? cheat
          : {
              ...cheat,
              leastCoveragePpm: cheat.leastCoveragePpm ?? null,
              deterredSavingAtomic: String(cheat.deterredSavingAtomic),
            },
      ),
    })),
  };
}
