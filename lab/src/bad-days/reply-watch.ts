import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { fromHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { readVerdictLogs } from '../demo/verdict-logs.ts';
import type { ReplyView } from './no-loss.ts';
import { readGateway } from './stores.ts';
import type { TestMesh } from './test-mesh.ts';

/** Follows every order of the gateway at its validator, so that a test sees if a record vanishes. */
export interface ReplyWatch {
  readonly acknowledged: ReadonlySet<string>;
  /** The state of every reply at its validator. @throws LinkError if a validator does not answer. */
  look(): Promise<ReadonlyMap<string, ReplyView>>;
  /** The validators' logs, and the number of verdicts that no batch has settled yet. */
  readLogs(): ReturnType<typeof readVerdictLogs>;
  stop(): Promise<void>;
}

const intervalMs = 400;
/** A validator answers a stranger 40 questions about replies a second, and gives up the link of one that goes on beyond that. */
const askEveryMs = 30;
const askTimeoutMs = 5_000;
/** States that only a stored record has. */
const withRecord = new Set(['recorded', 'audited', 'batched', 'settled']);

export function createReplyWatch({ mesh, chain, links, members }: TestMesh): ReplyWatch {
  const acknowledged = new Set<string>();
  const settled = new Map<string, ReplyView>();
  const peers = new Map(
    mesh.members
      .filter(({ role }) => role === 'validator')
      .map(({ name, identity }): [string, { endpoint: string; certHash: Uint8Array }] => {
        const port = mesh.plan.processes.find((process) => process.name === name)?.port;
        return [identity.address.slice(2), { endpoint: `127.0.0.1:${port}`, certHash: identity.certHash }];
      }),
  );

  async function ask(validator: string, replyId: string): Promise<ReplyView | undefined> {
    const peer = peers.get(validator);
    if (peer === undefined) throw new RangeError(`no validator has the address ${validator}`);
    try {
      return await links
        .to(ValidatorService, peer)
        .getReply({ replyId: fromHex(replyId) }, { timeoutMs: askTimeoutMs });
    } catch (error) {
      if (error instanceof LinkError && error.refusal === 'not-found') return undefined;
      throw error;
    }
  }

  /** Asks one question after the other. A caller that asks about all replies at once is refused. */
  async function askAll(orders: readonly { readonly replyId: string; readonly validator: string }[]) {
    const views: [string, ReplyView][] = [];
    for (const { replyId, validator } of orders) {
      const view = await ask(validator, replyId);
      await delay(askEveryMs);
      if (view === undefined) continue;
      const { state, verdict } = view;
      views.push([replyId, { state, verdict }]);
      if (withRecord.has(state)) acknowledged.add(replyId);
      // It is on the chain, so it need not be asked for again.
      if (state === 'settled') settled.set(replyId, { state, verdict });
    }
    return views;
  }

  async function lookOnce(): Promise<ReadonlyMap<string, ReplyView>> {
    const views = new Map(settled);
    const { orders } = readGateway(mesh.plan.directory);
    const open = Map.groupBy(
      orders.filter(({ replyId }) => !settled.has(replyId)),
      ({ validator }) => validator,
    );
    for (const seen of await Promise.all([...open.values()].map(askAll)))
      for (const [replyId, view] of seen) views.set(replyId, view);
    return views;
  }

  let last: Promise<unknown> = Promise.resolve();
  function look(): Promise<ReadonlyMap<string, ReplyView>> {
    const next = last.then(lookOnce, lookOnce);
    last = next.catch(() => undefined);
    return next;
  }

  const stopping = new AbortController();
  const following = (async () => {
    while (!stopping.signal.aborted) {
      // Validators are being killed, so a look may fail. The next one may succeed.
      await look().catch(() => undefined);
      await delay(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  return {
    acknowledged,
    look,
    readLogs: () => readVerdictLogs(members, { chain, links, crypto }),
    async stop() {
      stopping.abort();
      await following;
    },
  };
}
