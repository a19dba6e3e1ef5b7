import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { type CheckedReply, type Client, createClient, fetchReceipt } from '@ogong/sdk';
import { listMembers, readTrust } from '../mesh-members.ts';
import { readHistory } from '../money/ledger-book.ts';
import { waitUntil } from '../polling.ts';
import type { Member } from '../run-record.ts';
import { readVerdictLogs } from '../verdict-logs.ts';
import { PICTURE_CHEAT, type PictureModels } from './pictures-network.ts';
import type {
  FailedRequest,
  MediaReply,
  PictureReply,
  PicturesRecord,
  ReplyEnd,
  SeenReply,
} from './pictures-record.ts';

const PROMPT = 'a large yellow circle';
/** With half of them the model often draws something else. */
const STEPS = 12;
/** Body and seed fix the noise of a picture: each run makes the same one. */
const SEED = 7;
/** Requests until an honest provider is drawn. */
const MOST_DRAWS = 20;
const QUESTION = 'What is shown?';
const MAX_TOKENS = 24;
const SETTLEMENT_PATIENCE_MS = 90_000;

export interface PicturesContext {
  readonly mesh: Mesh;
  readonly models: PictureModels;
  readonly links: LinkPool;
  readonly onProgress: (message: string) => void;
}

type Ended = Pick<MediaReply, 'end' | 'gatewayChecks'>;
/** A reply before its settlement. */
type Asked<T extends MediaReply> = Omit<T, keyof Ended>;
type BoughtPicture = Asked<PictureReply> & { readonly png: Uint8Array };
type OgongFields = NonNullable<Parameters<Client['images']['generate']>[0]['ogong']>;

/** Buys a picture from an honest provider and from the cheat, asks about the first one, and waits for the settlement. */
export async function runPictures({ mesh, models, links, onProgress }: PicturesContext): Promise<PicturesRecord> {
  const chain = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment });
  const members = listMembers(mesh, { cheat: 'none' });
  const trust = await readMediaTrust(chain, mesh, models);
  const client = createClient({ baseUrl: mesh.plan.gatewayUrl, trust });
  const providers = Object.fromEntries(
    members.filter(({ role }) => role === 'provider').map(({ name, address }) => [name, address]),
  );
  const cheatId = members.find(({ name }) => name === PICTURE_CHEAT)?.providerId ?? '';

  const buyPicture = async (name: string, ogong?: OgongFields): Promise<BoughtPicture> => {
    const startedMs = performance.now();
    const request = { model: models.maker.id, prompt: PROMPT, steps: STEPS, seed: SEED };
    const { pictures, replies } = await client.images.generate({ ...request, ...(ogong && { ogong }) });
    const [picture] = pictures;
    if (picture === undefined) throw new Error('the answer has no picture');
    const file = join(mesh.plan.directory, `${name}.png`);
    writeFileSync(file, picture.png);
    const { png, width, height } = picture;
    return { ...describe(replies, members, startedMs), prompt: PROMPT, steps: STEPS, width, height, file, png };
  };
  /** The request names no provider, because an id would change its noise. */
  const buyHonestPicture = async (): Promise<BoughtPicture> => {
    for (let draws = 1; ; draws++) {
      const bought = await buyPicture('picture');
      if (bought.provider !== PICTURE_CHEAT) return bought;
      if (draws === MOST_DRAWS) throw new Error(`the router drew ${PICTURE_CHEAT} ${draws} times in a row`);
    }
  };
  const askAbout = async (png: Uint8Array): Promise<Asked<SeenReply>> => {
    const startedMs = performance.now();
    const { response, replies } = await client.chat.completions.create({
      model: models.viewer.id,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: `data:image/png;base64,${toBase64(png)}` } },
            { type: 'text', text: QUESTION },
          ],
        },
      ],
      ...{ max_tokens: MAX_TOKENS, temperature: 0 },
    });
    const answer = response.choices[0]?.message.content?.trim() ?? '';
    return { ...describe(replies, members, startedMs), question: QUESTION, answer, expected: PROMPT };
  };

  onProgress('buying a picture from an honest provider, and one from a provider that computes half of the steps');
  const made = await attempt(buyHonestPicture);
  const cheated = await attempt(() => buyPicture('picture-of-the-cheat', { providers: { only: [cheatId] } }));
  onProgress('asking another model about the picture');
  const seen = 'error' in made ? made : await attempt(() => askAbout(made.png));

  onProgress('waiting until all three are audited and settled');
  const ids = [made, cheated, seen].flatMap((reply) => ('error' in reply ? [] : [reply.replyId]));
  const ends = await waitForEnds(ids, { gatewayUrl: mesh.plan.gatewayUrl, chain, links, members });
  const finish = <T extends Asked<MediaReply>>(reply: T | FailedRequest): (T & Ended) | FailedRequest =>
    'error' in reply ? reply : { ...reply, ...(ends.get(reply.replyId) ?? { gatewayChecks: [], end: undefined }) };
  const { settlements } = await readHistory(chain, members, crypto);
  return {
    made: finish(made),
    cheated: finish(cheated),
    seen: finish(seen),
    payer: members.find(({ role }) => role === 'payer')?.address ?? '',
    ...{ providers, cheat: PICTURE_CHEAT },
    settlements,
  };
}

async function readMediaTrust(chain: ChainClient, mesh: Mesh, { maker, viewer }: PictureModels): Promise<Trust> {
  const trust = await readTrust(chain, { mesh, models: { id: maker.id, sold: { modelRoot: maker.root } } });
  return { ...trust, modelRoots: { [maker.id]: maker.root, [viewer.id]: viewer.root } };
}

async function attempt<T>(call: () => Promise<T>): Promise<T | FailedRequest> {
  try {
    return await call();
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function describe(
  replies: readonly CheckedReply[],
  members: readonly Member[],
  startedMs: number,
): Pick<MediaReply, 'replyId' | 'provider' | 'durationMs' | 'isExact' | 'checks'> {
  const [reply] = replies;
  if (reply === undefined) throw new Error('the answer has no receipt');
  const { replyId, receipt, checks, posture } = reply;
  const id = toHex(parseOrder(receipt.order.bytes).providerId);
  return {
    ...{ replyId, checks, isExact: posture?.exact === true },
    provider: members.find(({ providerId }) => providerId === id)?.name ?? id,
    durationMs: performance.now() - startedMs,
  };
}

/**
 * Waits until the replies stand in a log whose head is on the chain, and the gateway knows it.
 * @returns the ends by the reply's id, also of replies that are not settled in time.
 */
async function waitForEnds(ids: readonly string[], reader: EndReader): Promise<ReadonlyMap<string, Ended>> {
  const { gatewayUrl: baseUrl, chain, links, members } = reader;
  const found = new Map<string, Ended>();
  await waitUntil(async () => {
    const { logs } = await readVerdictLogs(members, { chain, links, crypto });
    const entries = logs.flatMap((log) => (log.isAnchored ? log.entries : []));
    for (const id of ids) {
      const { status, checks } = await fetchReceipt({ baseUrl, id });
      const entry = entries.find(({ replyId }) => toHex(replyId) === id);
      const isSettled = entry !== undefined && status.state === 'settled';
      found.set(id, { gatewayChecks: checks, end: isSettled ? toEnd(entry, status, members) : undefined });
    }
    return [...found.values()].every(({ end }) => end !== undefined);
  }, SETTLEMENT_PATIENCE_MS);
  return found;
}

interface EndReader {
  readonly gatewayUrl: string;
  readonly chain: ChainClient;
  readonly links: LinkPool;
  readonly members: readonly Member[];
}

function toEnd(
  { verdict, verifiers, feeAtomic, ejects }: VerdictEntry,
  status: Awaited<ReturnType<typeof fetchReceipt>>['status'],
  members: readonly Member[],
): ReplyEnd {
  const nameOf = (payee: Uint8Array): string => {
    const address = `0x${toHex(payee)}`;
    return members.find((member) => member.address === address)?.name ?? address;
  };
  return {
    ...{ verdict, feeAtomic, ejects },
    verifiers: verifiers.filter(({ outcome }) => outcome === 'credited').map(({ payee }) => nameOf(payee)),
    audit: parseDetail(status.detail),
    maxFeeAtomic: BigInt(status.max_fee_atomic),
    settlement: status.settlement ?? undefined,
  };
}

/** Reads the checks of an audit, equal ones of several verifiers once. A validator's detail of another form has none. */
function parseDetail(detail: string): readonly Check[] {
  try {
    const { checks = [] } = JSON.parse(detail) as { readonly checks?: readonly Check[] };
    return [...new Map(checks.map((check) => [JSON.stringify(check), check])).values()];
  } catch {
    return [];
  }
}
