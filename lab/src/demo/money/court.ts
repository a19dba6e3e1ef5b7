import type { ChainClient } from '@ogong/chain/client';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { loadMeshValidator } from '@ogong/devnet/mesh/mesh-identities';
import type { RunRecord } from '../run-record.ts';
import { submitBadSplit } from './bad-split.ts';
import { slashFalseVerdict } from './false-verdict.ts';

/**
 * Lets validators lie: one with a false verdict, and all together with a split that pays more than the fee. The keys of the network are on
 * this machine, so the demo can sign statements that no daemon signs.
 */
export async function runCourt(
  {
    mesh,
    chain,
    onProgress,
  }: { readonly mesh: Mesh; readonly chain: ChainClient; readonly onProgress: (message: string) => void },
  run: RunRecord,
): Promise<Pick<RunRecord, 'slash' | 'split'>> {
  const bonded = run.members.filter(({ role }) => role === 'validator');
  const bySize = [...bonded].sort((a, b) => Number((b.bondAtomic ?? 0n) - (a.bondAtomic ?? 0n)));
  const validators = await Promise.all(
    bySize.map(async ({ name }) => ({ name, ...(await loadMeshValidator(mesh.plan.directory, name)) })),
  );
  const context = { mesh, chain, members: run.members, validators };
  onProgress('all validators sign a split that pays a unit more than the fee, and submit it');
  const split = await submitBadSplit(context);
  onProgress('a validator signs a false verdict on an honest reply: the others convict it');
  return { split, slash: await slashFalseVerdict(context, run) };
}
