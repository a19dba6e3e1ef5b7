import type { AttestationAttack } from './attack.ts';
import { receiptOfAnotherReply } from './receipt-of-another-reply.ts';

export const ATTESTATION_ATTACKS: readonly AttestationAttack[] = [receiptOfAnotherReply];
