import { writeFileSync } from 'node:fs';
import { createChainClient } from '@ogong/chain/client';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { NO_BREAKS } from '../../attackers/protocol/breaks.ts';
import { ask } from '../ask.ts';
import { readBooks } from '../ledger-book.ts';
import { planRequest } from '../prompts.ts';
import { listMembers, readTrust } from '../run-demo.ts';
import { type AttackSummary, SCENES, summarizeAttack } from './catalogue.ts';
import type { AttackCourse, LiveNetwork, StagedAttack } from './scene.ts';

const MAX_TOKENS = 24;

interface SoldModel {
  readonly id: string;
  readonly modelRoot: Uint8Array;
}

export type AttackReport = AttackSummary & AttackCourse;

/** @param bringUp starts the demo's network; called if the attack is played there. */
export async function playAttack(
  scene: StagedAttack,
  bringUp: () => Promise<{ readonly mesh: Mesh; readonly model: SoldModel }>,
): Promise<AttackReport> {
  const summary = summarizeAttack(scene);
  if (scene.on === 'a small network of its own') return { ...summary, ...(await scene.play(NO_BREAKS)) };
  const { mesh, model } = await bringUp();
  return { ...summary, ...(await scene.play(NO_BREAKS, await openLiveNetwork(mesh, model))) };
}

async function openLiveNetwork(mesh: Mesh, { id, modelRoot }: SoldModel): Promise<LiveNetwork> {
  const chain = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment });
  const router = mesh.members.find(({ role }) => role === 'router');
  const port = mesh.plan.processes.find(({ role }) => role === 'router')?.port;
  if (router === undefined || port === undefined) throw new Error('the network has no router');
  const members = listMembers(mesh, { cheat: 'none' });
  let asked = 0;
  return {
    modelId: id,
    trust: await readTrust(chain, { mesh, models: { id, sold: { modelRoot } } }),
    router: { endpoint: { host: '127.0.0.1', port }, certHash: router.identity.certHash },
    async ask() {
      const request = planRequest(++asked, MAX_TOKENS);
      const { receipts } = await ask(request, { gatewayUrl: mesh.plan.gatewayUrl, model: id });
      return receipts !== undefined;
    },
    async creditAtomic() {
      const { accounts } = await readBooks(chain, members);
      return accounts.reduce((sum, { creditAtomic }) => sum + creditAtomic, 0n);
    },
    async restartRouter() {
      await mesh.kill(router.name, 'SIGKILL');
      await mesh.restart(router.name);
    },
  };
}

/** What `--json` writes: the list, or what came of one attack. */
export function writeAttackJson(path: string, content: readonly AttackSummary[] | AttackReport): void {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

export const listAttacks = (): readonly AttackSummary[] => SCENES.map(summarizeAttack);
