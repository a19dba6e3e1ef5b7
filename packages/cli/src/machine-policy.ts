import { X509Certificate } from 'node:crypto';
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { addRoleChecks, checkReceiptRoles, type RoleReader } from '@ogong/attestation/role-check';
import { ConfigError } from '@ogong/host/config/config-error';
import { oneOf, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { ATTESTED_ROLES, type AttestedRole } from '@ogong/protocol/tier/attested-role';
import { toPlainBytes } from './receipt-file.ts';
import { readUserFile } from './user-files.ts';

export const machineFields = {
  machines: {
    schema: text,
    label: '<policy.json>',
    description: 'which machines of tier tee are believed (docs/spec/tee-tier.md#policy)',
  },
  attested: {
    schema: oneOf([...ATTESTED_ROLES]),
    repeatable: true,
    description: 'a role that has to have shown its machine (docs/spec/attested-roles.md); needs --machines',
  },
} as const;

/** @throws EvidenceError where the file is no policy */
export const readMachinePolicy = (path: string): MachinePolicy => parsePolicy(toPlainBytes(readUserFile(path)));

/**
 * A verdict with what the machine of a reply of tier `tee` shows, and those of router and validator, against the reader's policy; as it was where
 * nobody gave one.
 */
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
  {
    policy,
    nowMs,
    ...roles
  }: { readonly policy: MachinePolicy | undefined } & Pick<RoleReader, 'nowMs' | 'settlement' | 'demanded'>,
) {
  if (policy === undefined) return verdict;
  const reader = { crypto, policy, nowMs };
  const whole = addMachineChecks(verdict, await checkReceiptMachine(receipt, reader), policy);
  return addRoleChecks(whole, await checkReceiptRoles(receipt, { ...reader, ...roles }));
}

/** @throws ConfigError where roles are demanded of nobody's policy. */
export function assertDemands(
  program: string,
  { attested, machines }: { readonly attested: readonly AttestedRole[]; readonly machines: string | undefined },
): void {
  if (attested.length > 0 && machines === undefined)
    throw new ConfigError(program, ['--attested needs --machines: which machines are believed']);
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
