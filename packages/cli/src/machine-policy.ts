import { X509Certificate } from 'node:crypto';
import { applyImageList, findListProblem, parseImageList } from '@ogong/attestation/image-list';
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { addRoleChecks, checkReceiptRoles, type RoleReader } from '@ogong/attestation/role-check';
import type { ModelRegistryReads } from '@ogong/chain/registry/model-registry';
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
    description: 'JSON file of the machines of tier tee that you accept (docs/spec/tee-tier.md#policy)',
  },
  images: {
    schema: text,
    label: '<list.json>',
    description:
      'the list of images that the policy names (docs/spec/machine-images.md), compared with the hash on the chain; needs --deployment',
  },
} as const;

export const roleFields = {
  attested: {
    schema: oneOf([...ATTESTED_ROLES]),
    repeatable: true,
    description: 'a role that has to have shown its machine (docs/spec/attested-roles.md); needs --machines',
  },
} as const;

/**
 * The policy of --machines, with the images of --images if it names a list; undefined without a policy.
 * @throws EvidenceError if a file is none, ConfigError where the list is not the one in force
 */
export async function readMachinePolicy(
  program: string,
  { machines, images }: { readonly machines: string | undefined; readonly images: string | undefined },
  chain: Pick<ModelRegistryReads, 'modelVersionAt' | 'now'> | undefined,
): Promise<MachinePolicy | undefined> {
  const policy = machines === undefined ? undefined : parsePolicy(toPlainBytes(readUserFile(machines)));
  if (policy?.imageList === undefined) {
    if (images === undefined) return policy;
    throw new ConfigError(program, ['--images is for a policy with an imageList']);
  }
  if (images === undefined || chain === undefined)
    throw new ConfigError(program, [
      `the policy takes the images of ${policy.imageList}: give --images and --deployment`,
    ]);
  const bytes = toPlainBytes(readUserFile(images));
  const inForce = await readListInForce(policy.imageList, chain);
  const problem = findListProblem(policy.imageList, { hash: crypto.sha256(bytes), inForce });
  if (problem !== undefined) throw new ConfigError(program, [`--images ${images}: ${problem}`]);
  return applyImageList(policy, parseImageList(bytes));
}

/** The hash of the list in force under a name, hex. @throws ChainError */
export async function readListInForce(
  name: string,
  chain: Pick<ModelRegistryReads, 'modelVersionAt' | 'now'>,
): Promise<string | undefined> {
  const [maker = '', model = ''] = name.split('/');
  return (await chain.modelVersionAt({ maker, model }, await chain.now()))?.modelRoot;
}

/**
 * Adds checks of the machines of a reply of tier `tee`, and of router and validator, against the reader's policy. Without a policy the
 * verdict stays as it was.
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
    throw new ConfigError(program, ['--attested needs --machines: a policy for machines']);
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
