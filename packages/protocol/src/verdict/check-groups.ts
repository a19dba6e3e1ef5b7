import type { Check } from '../base/checks.ts';

/** Groups of checks, in the order in which a page shows them. */
export const CHECK_GROUPS = ['signatures', 'weights', 'draws', 'payment', 'settlement'] as const;
export type CheckGroup = (typeof CHECK_GROUPS)[number];

/** Title of each group, and the parties and values that its checks are about. */
export const GROUP_TEXTS: Readonly<Record<CheckGroup, { readonly title: string; readonly note: string }>> = {
  signatures: { title: 'Signatures', note: 'payer, router, provider and validator, over this request and this answer' },
  weights: { title: 'Weights', note: 'the model, and the machine if the tier demands one' },
  draws: { title: 'Draws', note: 'each token or step, under the key that the reply committed to' },
  payment: { title: 'Payment', note: 'admission, payee and fee' },
  settlement: { title: 'Settlement', note: 'beacon, log of the validator, quorum and batch' },
};

/** Ids of checks by group. A check that a page can show has to be here: a test compares the table with the sources. */
const IDS: Readonly<Record<CheckGroup, readonly string[]>> = {
  signatures: [
    ...[
      'format',
      'receipt',
      'endpoint',
      'evidence',
      'local',
      'answer',
      'earlier-part',
      'request-hash',
      'response-hash',
      'response-text',
    ],
    ...['order-signature', 'order-binding', 'record-signature', 'provider-identity', 'ticket', 'match', 'router'],
    ...['cohort', 'boundary-chain', 'boundary-signatures'],
    ...['validator', 'times', 'blinding', 'seal-key', 'sealed-record', 'sealed-units', 'exporter-secret'],
    ...['exchange', 'server', 'authority', 'upstream', 'challenge', 'testimony-form', 'testimony-time'],
  ],
  weights: [
    ...['model-root', 'posture', 'context', 'demands', 'sketch-bank', 'sketch', 'sketch-distance', 'unit-norm'],
    ...['machine', 'router-machine', 'validator-machine', 'attested-key', 'attested-reply', 'attested-order'],
    ...['evidence-form', 'report-data', 'boot', 'event-log', 'image', 'compose', 'clock'],
    ...['model-facts'],
    ...['entry', 'published-evidence', 'offence', 'proof-form'],
    ...['cpu-vendor', 'cpu-signature', 'cpu-chain', 'cpu-collateral', 'cpu-tcb', 'cpu-identity', 'cpu-debug'],
    ...['gpu-machine', 'gpu-token', 'gpu-chain', 'gpu-signature', 'gpu-nonce', 'gpu-rim'],
  ],
  draws: [
    ...['commitment-root', 'commitment-form', 'header-order', 'draw-key', 'sampler', 'listing', 'draw-replay'],
    ...['own-choice', 'shape-classes', 'token-count', 'prompt-tokens', 'stop-strings', 'stop-reason', 'grammar'],
    ...['logprobs', 'logprob-bytes', 'inputs', 'vectors', 'tensors', 'response-size'],
    ...[
      'choices',
      'links',
      'projections',
      'pixels',
      'model-choices',
      'chain',
      'output-distance',
      'pixel-distance',
      'tensor-distance',
    ],
    ...['picture-rows', 'mask', 'encoding-distance'],
    ...['boundary-roots', 'boundary-form', 'boundary-inputs', 'boundary'],
    ...['equality', 'likelihood', 'room', 'report-shape', 'repeated-tokens', 'vocabulary'],
  ],
  payment: ['ledger', 'admission', 'payee', 'fee', 'verdict', 'judged-record'],
  settlement: [
    ...['intake', 'beacon', 'batch-inclusion', 'log-entry', 'log-head', 'log-chain', 'log-anchor', 'quorum', 'settled'],
    ...['told-verdict', 'head-encoding', 'head-log', 'head-quorum', 'beacon-generation', 'beacon-signature'],
    ...['beacon-set', 'beacon-quorum', 'beacon-value', 'beacon-chain', 'beacon-contributions', 'beacon-contributors'],
  ],
};

const GROUP_OF = new Map(CHECK_GROUPS.flatMap((group) => IDS[group].map((id) => [id, group] as const)));

/** Finds the group of a check; undefined for a check that is not in the table. */
export const findCheckGroup = (id: string): CheckGroup | undefined => GROUP_OF.get(id);

export const listCheckIds = (group: CheckGroup): readonly string[] => IDS[group];

/** Checks of one group. */
export interface GroupedChecks<C extends Pick<Check, 'id'> = Check> {
  readonly title: string;
  readonly note: string;
  readonly checks: readonly C[];
}

/** Groups checks in the order of the groups, without empty ones. Checks that the table lacks come last. */
export const groupChecks = <C extends Pick<Check, 'id'>>(checks: readonly C[]): readonly GroupedChecks<C>[] =>
  [...CHECK_GROUPS, undefined]
    .map((group) => ({
      ...(group === undefined ? { title: 'Other checks', note: '' } : GROUP_TEXTS[group]),
      checks: checks.filter(({ id }) => findCheckGroup(id) === group),
    }))
    .filter(({ checks: found }) => found.length > 0);
