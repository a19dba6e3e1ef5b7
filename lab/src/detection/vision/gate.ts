import type { VisionAudits, VisionRun } from './results.ts';

/** Lists results that no run may have: an honest reply that is not accepted, and a cheat that passes. */
export const listMistakes = ({ honest, attacks }: Pick<VisionRun, 'honest' | 'attacks'>): string[] => [
  ...honest
    .filter(({ refused, audits }) => refused > 0 || Object.values(audits).some(isDoubted))
    .map(({ provider }) => `honest replies of a ${provider} encoder are not all accepted`),
  ...attacks
    .filter(({ replies, gateway, validator, audits }) => {
      const left = replies - gateway.replies - validator.replies;
      const found = Object.values(audits);
      return left > 0 && (found.length === 0 || found.some(({ rejected }) => rejected < left));
    })
    .map(({ name }) => `${name} passes`),
];

const isDoubted = ({ rejected, inconclusive }: VisionAudits): boolean => rejected + inconclusive > 0;
