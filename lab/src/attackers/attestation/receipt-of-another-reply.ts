import type { AttestationAttack } from './attack.ts';

/** The record is signed outside of the machine, and beside it stands what the machine said about a reply that it gave. */
export const receiptOfAnotherReply: AttestationAttack = {
  name: 'receipt-of-another-reply',
  adversary: 'provider that answers outside of its machine, with the statement about another reply',
  aim: 'payment for tier tee without the machine',
  caughtBy: ['attested-reply', 'report-data'],
  bend: (honest, { attestation }) => ({ ...honest, attestation }),
};
