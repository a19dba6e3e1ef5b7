import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { type MeshOptions, type MeshPorts, providerName, validatorName } from '@ogong/devnet/mesh/mesh-plan';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { askWhenFree, connectRouter, isOffered } from './mesh-router.ts';
import { waitUntil } from './polling.ts';
import type { PlannedRequest } from './prompts.ts';
import { openRelayTap, type RelayTap } from './relay-tap.ts';
import type { AskedReply, FastestRecord, Member, ReachRecord } from './run-record.ts';

/** Prompt of the request through the relay. No other request contains it. */
const SECRET_PROMPT = 'The vault behind the clock opens with nine copper spoons.';

const PATIENCE_MS = 60_000;

/** Opens a tap in front of the relay of a mesh that is about to start. It has the keys of all parties of the mesh. */
export function openMeshTap(
  directory: string,
  { tapPort, ports, plan }: { readonly tapPort: number; readonly ports: MeshPorts; readonly plan: MeshOptions },
): Promise<RelayTap> {
  const names = [
    'gateway',
    ...ports.validators.map((_, i) => validatorName(i)),
    ...ports.providers.map((_, i) => providerName(plan, i)),
  ];
  return openRelayTap({
    port: tapPort,
    relay: { host: '127.0.0.1', port: ports.relay as number },
    identities: async () => names.map((name) => createLinkIdentity(createOrLoadKeys(join(directory, name)).linkSeed)),
  });
}

export interface ReachContext {
  readonly mesh: Mesh;
  readonly model: string;
  readonly tap: RelayTap;
  readonly links: LinkPool;
  readonly members: readonly Member[];
  readonly maxTokens: number;
  readonly askOne: (change: Pick<PlannedRequest, 'parameters'> & Partial<PlannedRequest>) => Promise<AskedReply>;
}

/** Sends a secret prompt to the provider behind the relay, and then a request for lowest latency. */
export async function askByReach({ tap, askOne, ...context }: ReachContext): Promise<ReachRecord | undefined> {
  const { mesh, members, maxTokens } = context;
  const hidden = mesh.plan.processes.find(({ args, role }) => role === 'provider' && args.includes('--relay'));
  const { providerId } = members.find(({ name }) => name === hidden?.name) ?? {};
  if (providerId === undefined) return undefined;
  // The provider may just have been killed, which also closed its link to the relay.
  const router = connectRouter(mesh, context.links);
  await waitUntil(() => isOffered(router, { model: context.model, providerId }), PATIENCE_MS);
  tap.take();
  const relayed = await askOne({
    prompt: SECRET_PROMPT,
    parameters: { temperature: 0.8, max_tokens: maxTokens, ogong: { providers: { only: [providerId] } } },
  });
  const { line, inside } = tap.take();
  const fastest = await askForRoute(context);
  const { number } = await askOne({
    parameters: { temperature: 0.8, max_tokens: maxTokens, ogong: { sort: 'latency' } },
  });
  return { relayed: { number: relayed.number, providerId, line, inside }, fastest: { ...fastest, number } };
}

const MAX_PRICE = (1n << 64n) - 1n;

/** Gets a ticket for lowest latency from the router, and releases the slot. */
async function askForRoute({
  mesh,
  model,
  links,
  maxTokens,
}: Pick<ReachContext, 'mesh' | 'model' | 'links' | 'maxTokens'>): Promise<Omit<FastestRecord, 'number'>> {
  const router = connectRouter(mesh, links);
  const replyId = new Uint8Array(randomBytes(16));
  const named = { model, replyId };
  const wanted = { maxPricePer1k: MAX_PRICE, contextSize: maxTokens, sort: 'latency', exclude: [], only: [] };
  const { ticket, candidates } = await askWhenFree(() => router.route({ ...named, ...wanted }));
  if (ticket === undefined) throw new Error('the router sent no ticket');
  const unused = { outcome: 'unused', outputTokens: 0, durationMs: 0, firstTokenMs: 0 };
  const { providerId } = parseTicket(ticket.ticket);
  await router.report({ replyId, providerId, ...unused });
  return { ticket: { ticket: ticket.ticket, routerKey: ticket.routerKey, signature: ticket.signature }, candidates };
}
