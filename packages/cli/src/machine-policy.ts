import { X509Certificate } from 'node:crypto';
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { ConfigError } from '@ogong/host/config/config-error';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { toPlainBytes } from './receipt-file.ts';
import { readUserFile } from './user-files.ts';

export const machineFields = {
  machines: {
    schema: text,
    label: '<policy.json>',
    description: 'which machines of tier tee are believed (docs/spec/tee-tier.md#policy)',
  },
} as const;

/** @throws EvidenceError where the file is no policy */
export const readMachinePolicy = (path: string): MachinePolicy => parsePolicy(toPlainBytes(readUserFile(path)));

/** A verdict with what the machine of a reply of tier `tee` shows, against the reader's policy; as it was where nobody gave one. */
export async function addMachine<
  V extends {
    readonly ok: boolean;
    readonly checks: readonly Check[];
    readonly missing: readonly string[];
    readonly allowed: readonly string[];
  },
>(
  verdict: V,
  receipt: Receipt,
  { policy, nowMs }: { readonly policy: MachinePolicy | undefined; readonly nowMs: number },
) {
  if (policy === undefined) return verdict;
  return addMachineChecks(verdict, await checkReceiptMachine(receipt, { crypto, policy, nowMs }), policy);
}

/** When the order's validator says that it admitted the order. */
export function readAdmission({ admission }: Receipt): string {
  const time = new Date(Number(admission.timeMs));
  return Number.isNaN(time.getTime()) ? 'a time that no calendar has' : time.toISOString();
}

/** A root that may vouch for servers, as a file or as the SHA-256 of its DER. @throws ConfigError */
export function readAuthority(program: string, given: string): string {
  if (/^(?:0x)?[0-9a-fA-F]{64}$/.test(given)) return given.replace(/^0x/, '').toLowerCase();
  try {
    return toHex(crypto.sha256(new Uint8Array(new X509Certificate(readUserFile(given)).raw)));
  } catch {
    throw new ConfigError(program, [`--authority ${given}: no certificate, and no hash of one`]);
  }
}
