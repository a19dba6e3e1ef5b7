import { defineConfig } from '@ogong/host/config/define-config';
import { atomicAmount, decimal, oneOf } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readTableFile } from '@ogong/host/drift-table/table-file';
import type { Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { PPM } from '@ogong/protocol/exchange/reputation';
import { POWER_RATES } from '@ogong/protocol/modality/text/drift/drift-table';
import { DEFAULT_TERMS } from '@ogong/provider/calibration/describe-table';
import { describePlan, toPlanJson } from '@ogong/provider/calibration/describe-table-plan';
import { jsonField } from './calibrate-fields.ts';

export const planConfig = defineConfig({
  name: 'ogong calibrate plan',
  examples: ['ogong calibrate plan drift-table.json'],
  summary:
    'Shows which cheats audits deter: for each that a drift table measured how often it is caught, the least alpha at which\n' +
    'a saving is not worth it, and the largest saving that is not worth it at an alpha (Proposition 1 of the whitepaper).',
  fields: {
    alpha: {
      schema: decimal({ max: 1 }),
      label: '<0..1>',
      default: String(DEFAULT_TERMS.coveragePpm / PPM),
      description: 'audited share of replies, as --alpha of ogong-validatord; to a millionth',
    },
    saving: {
      schema: decimal({ max: 1 }),
      label: '<0..1>',
      default: String(DEFAULT_TERMS.savingPpm / PPM),
      description: 'share of the fee that a cheat saves; to a millionth',
    },
    fee: {
      schema: atomicAmount.refine((fee) => fee > 0n, 'expected at least 1: a fee of 0 leaves nothing to save'),
      label: '<amount>',
      default: String(DEFAULT_TERMS.feeAtomic),
      description: 'fee of the reply, atomic units, forfeited on a reject; without --franchise only ratios matter',
    },
    franchise: {
      schema: atomicAmount,
      label: '<amount>',
      default: String(DEFAULT_TERMS.franchiseAtomic),
      description:
        'loss of a provider by a reject besides the fee, atomic units: its stake, or the value of its place if it is ejected. 0 if only the fee deters',
    },
    falseReject: {
      // A table counts detections at these rates alone.
      schema: oneOf(POWER_RATES.map(String)),
      label: '<rate>',
      default: String(DEFAULT_TERMS.rate),
      description: `share of honest replies that the table may reject, as --false-reject of ogong-validatord: ${POWER_RATES.join(', ')}`,
    },
    json: jsonField,
  },
  positionals: { label: '<table>', min: 1, max: 1 },
});

export async function planAlpha(argv: readonly string[], output: Output): Promise<number> {
  const parsed = planConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { alpha, saving, fee, franchise, falseReject, json } = parsed.values;
  const file = readTableFile(crypto, parsed.positionals[0] as string);
  const terms = {
    ...{ coveragePpm: Math.round(alpha * PPM), savingPpm: Math.round(saving * PPM) },
    ...{ feeAtomic: fee, franchiseAtomic: franchise, rate: Number(falseReject) },
  };
  output.write(json ? `${JSON.stringify(toPlanJson(file, terms), undefined, 2)}\n` : describePlan(file, terms));
  return EXIT.ok;
}
