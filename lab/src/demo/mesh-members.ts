import type { ChainClient } from '@ogong/chain/client';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { readTrust as readChainTrust } from '@ogong/host/views/read-trust';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { DemoOptions } from './options.ts';
import type { Member } from './run-record.ts';

/** Returns the parties of a mesh whose money the demo follows. */
export function listMembers(mesh: Mesh, { cheat }: Pick<DemoOptions, 'cheat'>): Member[] {
  const daemons = mesh.members.flatMap(({ name, role, identity }): Member[] => {
    const { address } = identity;
    if (role === 'verifier' || role === 'relay') return [];
    const isCheat = role === 'provider' && name === 'cheat' && cheat !== 'none';
    if (role === 'provider') return [{ name, role, address, isCheat, providerId: toHex(identity.keyHash) }];

    return [{ name, role: role === 'gateway' ? 'payer' : role, address, isCheat }];
  });
  const shareHolders = (['verification', 'treasury', 'license'] as const).map((role) => ({
    name: role,
    role,
    address: mesh.recipients[role],
    isCheat: false,
  }));
  const { emission } = mesh.deployment;
  const recycle =
    emission === undefined ? [] : [{ name: 'emission', role: 'recycle', address: emission, isCheat: false } as const];
  return [...daemons, ...shareHolders, ...recycle];
}

/** Sets the weight of a validator's signature: the bond that the chain holds for it. */
export function withBond(member: Member, { validators = [] }: Trust): Member {
  const bonded = validators.find(({ address }) => `0x${toHex(address)}` === member.address);
  return bonded ? { ...member, bondAtomic: bonded.stake } : member;
}

/** Reads from the chain the parties that a consumer trusts. */
export async function readTrust(
  chain: ChainClient,
  {
    mesh: { members },
    models: { id, sold },
  }: {
    readonly mesh: Pick<Mesh, 'members'>;
    readonly models: { readonly id: string; readonly sold: { readonly modelRoot: Uint8Array } };
  },
): Promise<Trust> {
  const routers = members.filter(({ role }) => role === 'router').map(({ identity }) => identity.keyHash);
  return { ...(await readChainTrust(chain)), routers, modelRoots: { [id]: sold.modelRoot } };
}
