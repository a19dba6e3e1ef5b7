import type { AimRow, AuditTellRow, DetectionResults } from '../results.ts';

/** Distance of an AUC from chance below which a classifier is useless. */
const CHANCE = 0.05;

/** Judges whether anybody can tell honeypots and audits from other traffic. */
export function judgeTells({ auditTells }: Pick<DetectionResults, 'auditTells'>): AimRow {
  const told = auditTells.filter(({ auc }) => auc.mean > 0.5 + CHANCE && auc.low > 0.5);
  return {
    aim: 'honeypots and audited replies cannot be told: an AUC within 0.05 of chance, or an interval that holds chance',
    measured:
      auditTells.length === 0
        ? 'not measured'
        : told.length === 0
          ? `none of ${auditTells.length} views tells`
          : `told in ${told.length} of ${auditTells.length} views: ${told.map(describe).join('; ')}`,
    outcome: auditTells.length === 0 ? 'undecided' : told.length === 0 ? 'met' : 'missed',
    note: told.some(({ audited }) => audited === 1) ? ALL_AUDITED : '',
  };
}

const describe = ({ view, question, audited, auc }: AuditTellRow): string =>
  `${question}, ${view}, ${100 * audited} % audited: ${auc.mean.toFixed(2)} (${auc.low.toFixed(2)} to ${auc.high.toFixed(2)})`;

const ALL_AUDITED =
  'if every reply is audited, no other is left for honeypots, so they repeat an audited request. Verifiers that compare their jobs see this. ' +
  'A base coverage of 95 % leaves enough (--alpha 0.95); requests of the validator’s own are the next idea';
