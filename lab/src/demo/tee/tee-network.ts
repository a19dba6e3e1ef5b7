import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkMachine } from '@ogong/attestation/machine-check';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import type { MeshModel, MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { writePrivateFile } from '@ogong/host/files/private-files';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';

/** Providers of tier `tee`: one that stays good, one whose machine changes, one whose machine no policy names. */
export const MACHINES = { good: 'enclave', lapsing: 'lapsing-enclave', unknown: 'unknown-enclave' } as const;

/** Attested roles beside providers, and their daemons in the mesh. */
export const ATTESTED = { router: 'router', validator: 'validator-1' } as const;

/** Time after which a machine that changes gets no requests. */
export const MACHINE_INTERVAL_MS = 2_000;

const lapsingEntry = fileURLToPath(new URL('./lapsing-provider.ts', import.meta.url));
const lapseFile = (directory: string): string => join(directory, 'lapsed');

export const teeIdOf = (id: string): string => {
  const { maker, model } = parseModelId(id);
  return `ogong/tee/${maker}/${model}`;
};

export interface TeeNetworkPlan {
  /** Of the mesh. */
  readonly options: Pick<MeshOptions, 'others' | 'variants' | 'machines'>;
  readonly modelId: string;
  readonly policy: MachinePolicy;
}

/**
 * Plans a mesh in which three machines also serve the model in tier `tee`. Writes the machines' keys and the policy below the directory.
 * The policy names two of the three machines.
 */
export function planTeeNetwork(directory: string, model: MeshModel): TeeNetworkPlan {
  const described = [MACHINES.good, MACHINES.lapsing, ...Object.values(ATTESTED)].map((name) => {
    const settings = { tee: 'software', teeSocket: '', teeFolder: '', teeEndorsements: undefined } as const;
    const attester = openAttester('demo', { ...settings, dataDir: join(directory, name) });
    if (attester === undefined) throw new TypeError('no attester');
    return describeAttester(attester);
  });
  const policyFile = join(directory, 'machine-policy.json');
  const policy = JSON.stringify({
    images: [...new Set(described.map(({ image }) => image))],
    softwareKeys: described.map(({ softwareKey }) => softwareKey),
  });
  writePrivateFile(policyFile, policy);
  const modelId = teeIdOf(model.id);
  const args = ['--lapse-file', lapseFile(directory)];
  const machine = { flags: ['--tee', 'software'], models: [modelId] };
  return {
    options: {
      others: [{ ...model, id: modelId }],
      variants: [
        { ...machine, name: MACHINES.good },
        { ...machine, name: MACHINES.lapsing, program: { entry: lapsingEntry, args } },
        { ...machine, name: MACHINES.unknown },
      ],
      machines: { policyFile, intervalMs: MACHINE_INTERVAL_MS, attested: Object.values(ATTESTED) },
    },
    modelId,
    policy: parsePolicy(utf8Encode(policy)),
  };
}

/** Makes the machine report another program from now on. */
export const lapse = (directory: string): void => writeFileSync(lapseFile(directory), '');

/** Gets a machine's evidence for a fresh nonce, as a gateway does before a request. */
export async function questionMachine(
  name: string,
  {
    mesh,
    links,
    ledger,
    policy,
    nonce,
  }: {
    readonly mesh: Pick<Mesh, 'plan' | 'members'>;
    readonly links: LinkPool;
    readonly ledger: LedgerDomain;
    readonly policy: MachinePolicy;
    /** 32 bytes. */
    readonly nonce: Uint8Array;
  },
): Promise<Check[]> {
  const member = mesh.members.find((each) => each.name === name);
  const port = mesh.plan.processes.find((each) => each.name === name)?.port;
  if (member === undefined || port === undefined) throw new TypeError(`there is no ${name}`);
  const peer = { endpoint: `127.0.0.1:${port}`, certHash: member.identity.certHash };
  const { attestedKey, sealKey, evidence } = await links
    .to(ProviderService, peer)
    .getEvidence({ nonce }, { timeoutMs: 10_000 });
  const sealKeyHash = hashSealKey(crypto, sealKey?.sealKey ?? new Uint8Array());
  const claim = { ledger, providerId: member.identity.keyHash, attestedKey, sealKeyHash, evidence, nonce };
  return checkMachine(claim, { crypto, policy, nowMs: Date.now() });
}
