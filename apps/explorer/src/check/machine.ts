// Loaded by load-machine.ts alone: vendors' certificates are no part of what a page needs first.
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { addRoleChecks, checkReceiptRoles } from '@ogong/attestation/role-check';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { Receipt, ReceiptVerdict } from '@ogong/sdk';

/**
 * Adds the checks of a reply's machines of tier `tee`, and those of router and validator, against the reader's policy.
 * @throws EvidenceError if the policy is invalid
 */
export async function addMachine(
  verdict: ReceiptVerdict,
  receipt: Receipt,
  { file, nowMs, settlement }: { readonly file: Uint8Array; readonly nowMs: number; readonly settlement?: Uint8Array },
): Promise<ReceiptVerdict> {
  const policy = parsePolicy(file);
  const reader = { crypto, policy, nowMs };
  const whole = addMachineChecks(verdict, await checkReceiptMachine(receipt, reader), policy);
  return addRoleChecks(whole, await checkReceiptRoles(receipt, { ...reader, settlement }));
}
