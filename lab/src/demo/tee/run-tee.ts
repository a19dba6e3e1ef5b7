import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { addRoleChecks, checkReceiptRoles } from '@ogong/attestation/role-check';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { attestationPart } from '@ogong/protocol/tier/attestation';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { ask } from '../ask.ts';
import { completeReceipts } from '../claims/complete-receipts.ts';
import { replyIdOf } from '../claims/finding.ts';
import { listMembers, readTrust } from '../mesh-members.ts';
import { connectRouter, isOffered } from '../mesh-router.ts';
import { waitUntil } from '../polling.ts';
import { planRequest } from '../prompts.ts';
import type { AskedReply } from '../run-record.ts';
import { readVerdictLogs } from '../verdict-logs.ts';
import type { TeeAnswer, TeeRun } from './tee-claims.ts';
import { ATTESTED, lapse, MACHINE_INTERVAL_MS, MACHINES, questionMachine, type TeeNetworkPlan } from './tee-network.ts';

/** The clock of timers differs from the gateway's. */
const MARGIN_MS = 200;
const SETTLEMENT_PATIENCE_MS = 180_000;
const ENTRY_PATIENCE_MS = 120_000;
const STRICT = parsePolicy(utf8Encode('{}'));

export interface TeeContext {
  readonly mesh: Mesh;
  readonly plan: Pick<TeeNetworkPlan, 'modelId' | 'policy'>;
  /** The model of tier `verified`. */
  readonly model: { readonly id: string; readonly modelRoot: Uint8Array };
  readonly links: LinkPool;
  /** Requests for any provider, of each tier, before the lapse and after it. */
  readonly requests: number;
  readonly maxTokens: number;
  readonly onProgress: (message: string) => void;
  readonly onAnswer?: (reply: AskedReply, answer: TeeAnswer) => void;
}

interface Asked {
  readonly reply: AskedReply;
  readonly modelId: string;
  readonly only: string | undefined;
  readonly hasLapsed: boolean;
  /** It demands an attested router and validator. */
  readonly demandsRoles?: boolean;
}

/** Sends requests to machines and other providers, changes one machine in between, and records the results. */
export async function runTee(context: TeeContext): Promise<TeeRun> {
  const { mesh, plan, model, links, onProgress } = context;
  const chain = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment });
  const ledger = domainOf(mesh.deployment, mesh.deployment.escrow);
  const asked: Asked[] = [];
  const machines: TeeRun['machines'][number][] = [];
  const question = async (name: string, hasLapsed: boolean): Promise<void> => {
    const by = { mesh, links, ledger, policy: plan.policy, nonce: new Uint8Array(randomBytes(32)) };
    const checks = await questionMachine(name, by);
    machines.push({ name, hasLapsed, checks });
    onProgress(`${name}: ${checks[0]?.status === 'pass' ? 'taken' : 'refused'}, ${checks[0]?.detail}`);
  };
  const buy = async (
    modelId: string,
    { only, hasLapsed, demandsRoles = false }: Pick<Asked, 'only' | 'hasLapsed' | 'demandsRoles'>,
  ): Promise<void> => {
    const planned = planRequest(asked.length + 1, context.maxTokens);
    const named = {
      ogong: {
        ...(only !== undefined && { providers: { only: [idOf(mesh, only)] } }),
        ...(demandsRoles && { attested: Object.keys(ATTESTED) }),
      },
    };
    const request = { ...planned, parameters: { ...planned.parameters, ...named } };
    const reply = await ask(request, { gatewayUrl: mesh.plan.gatewayUrl, model: modelId });
    const entry = { reply, modelId, only, hasLapsed, demandsRoles };
    asked.push(entry);
    const trust = await readTrustOf();
    context.onAnswer?.(
      reply,
      await look(entry, { mesh, trust, policy: plan.policy, other: undefined, verdicts: new Map() }),
    );
  };
  const readTrustOf = async () => {
    const trust = await readTrust(chain, { mesh, models: { id: model.id, sold: { modelRoot: model.modelRoot } } });
    return { ...trust, modelRoots: { [model.id]: model.modelRoot, [plan.modelId]: model.modelRoot } };
  };
  const buyBoth = async (hasLapsed: boolean): Promise<void> => {
    for (let i = 0; i < context.requests; i++)
      for (const id of [model.id, plan.modelId]) await buy(id, { only: undefined, hasLapsed });
  };

  const entered: string[] = [];
  const router = connectRouter(mesh, links);
  // The router reads the registry later than this process, and offers no machine before.
  await waitUntil(async () => {
    for (const name of [MACHINES.good, MACHINES.lapsing]) {
      const providerId = idOf(mesh, name);
      if (!(await isEntered(chain, providerId))) return false;
      if (!(await isOffered(router, { model: plan.modelId, providerId }))) return false;
    }
    return true;
  }, ENTRY_PATIENCE_MS);
  for (const name of Object.values(MACHINES)) if (await isEntered(chain, idOf(mesh, name))) entered.push(name);
  onProgress(`machines in the registry on the chain: ${entered.join(', ') || 'none'}`);
  for (const name of Object.values(MACHINES)) await question(name, false);
  for (const only of Object.values(MACHINES)) await buy(plan.modelId, { only, hasLapsed: false });
  await buyBoth(false);
  for (const id of [model.id, plan.modelId]) await buy(id, { only: undefined, hasLapsed: false, demandsRoles: true });
  lapse(mesh.plan.directory);
  onProgress(
    `${MACHINES.lapsing} now runs another program; the gateway checks it again within ${MACHINE_INTERVAL_MS} ms`,
  );
  await delay(MACHINE_INTERVAL_MS + MARGIN_MS);
  await question(MACHINES.lapsing, true);
  await buy(plan.modelId, { only: MACHINES.lapsing, hasLapsed: true });
  await buyBoth(true);

  onProgress('waiting until every answer is settled');
  const verdicts = new Map<string, string>();
  const wanted = asked.flatMap(({ reply }) => replyIdOf(reply) ?? []);
  const members = listMembers(mesh, { cheat: 'none' });
  await waitUntil(async () => {
    const { logs } = await readVerdictLogs(members, { chain, links, crypto });
    for (const { entries } of logs) for (const { replyId, verdict } of entries) verdicts.set(toHex(replyId), verdict);
    return wanted.every((id) => verdicts.has(id));
  }, SETTLEMENT_PATIENCE_MS);

  const trust = await readTrustOf();
  const attestations = asked.flatMap(({ reply }) => reply.receipts?.full.evidence?.get('attestation') ?? []);
  const answers: TeeAnswer[] = [];
  for (const each of asked) {
    const entry = { ...each, reply: await completeReceipts(mesh.plan.gatewayUrl, each.reply, 0) };
    const own = entry.reply.receipts?.full.evidence?.get('attestation');
    const other = own && attestations.find((each) => each !== own);
    answers.push(await look(entry, { mesh, trust, policy: plan.policy, other, verdicts }));
  }
  return { answers, machines, entered };
}

const isEntered = async (chain: Pick<ChainClient, 'machineOf'>, id: string): Promise<boolean> =>
  (await chain.machineOf(`0x${id}`))?.isGood === true;

function idOf(mesh: Pick<Mesh, 'members'>, name: string): string {
  const member = mesh.members.find((each) => each.name === name);
  if (member === undefined) throw new TypeError(`there is no ${name}`);
  return toHex(member.identity.keyHash);
}

interface Reader {
  readonly mesh: Pick<Mesh, 'members'>;
  readonly trust: Awaited<ReturnType<typeof readTrust>>;
  readonly policy: MachinePolicy;
  /** The attestation of another reply. */
  readonly other: Uint8Array | undefined;
  readonly verdicts: ReadonlyMap<string, string>;
}

async function look(entry: Asked, { mesh, trust, policy, other, verdicts }: Reader): Promise<TeeAnswer> {
  const { reply, modelId, only, hasLapsed, demandsRoles = false } = entry;
  const { number, error, receipts, request, response } = reply;
  const { tier } = parseModelId(modelId);
  const named = { number, tier, only, hasLapsed, demandsRoles, error };
  if (receipts === undefined)
    return { ...named, provider: undefined, checks: [], strict: [], strictRoles: [], swapped: [], verdict: undefined };
  const { full } = receipts;
  const nowMs = Date.now();
  const verdict = await verifyReceipt(full, { crypto, trust, request, response, nowMs });
  const reader = { crypto, policy, nowMs, settlement: trust.settlement };
  const whole = addMachineChecks(verdict, await checkReceiptMachine(full, reader), policy);
  const { checks } = addRoleChecks(whole, await checkReceiptRoles(full, reader));
  const providerId = toHex(parseOrder(full.order.bytes).providerId);
  return {
    ...named,
    provider: mesh.members.find(({ identity }) => toHex(identity.keyHash) === providerId)?.name ?? providerId,
    checks,
    strict: await checkReceiptMachine(full, { crypto, policy: STRICT, nowMs }),
    strictRoles: await checkReceiptRoles(full, { ...reader, policy: STRICT }),
    swapped: other === undefined ? [] : await checkSwapped(full, other, policy),
    verdict: verdicts.get(replyIdOf(reply) ?? ''),
  };
}

async function checkSwapped(receipt: Receipt, attestation: Uint8Array, policy: MachinePolicy): Promise<Check[]> {
  const { order, record } = receipt;
  const evidence = new Map([...(receipt.evidence ?? []), ['attestation', attestation] as const]);
  return [
    ...(await attestationPart.verify(crypto, attestation, { order: order.bytes, record: record.bytes })),
    ...(await checkReceiptMachine({ ...receipt, evidence }, { crypto, policy, nowMs: Date.now() })),
  ];
}
