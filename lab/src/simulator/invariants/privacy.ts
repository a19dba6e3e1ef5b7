import { equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { listEntries } from '@ogong/validator/store/batch-store';
import type { Flow } from '../network/network.ts';
import { isClientPrompt } from '../requests.ts';
import { placeOf, providerIdOf } from '../roles/serving.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

export interface PrivacyWatch {
  /** At the end of the run. */
  finish(): void;
  /** Replies with a part that machines of a role received, by role. */
  readonly received: Readonly<Record<string, number>>;
}

/** One reply with its private parts, and the machines that may receive them. */
export interface PrivateReply {
  /** Hex. */
  readonly id: string;
  /** Prompt of a client, latents, outputs and pixels. */
  readonly secrets: readonly Uint8Array[];
  readonly readers: ReadonlySet<string>;
  readonly handlingValidator: string;
}

export interface PrivacyContext {
  /** Called at the end of the run. */
  readonly listReplies: () => readonly PrivateReply[];
  isHonest(machine: string): boolean;
  /** The run has no faults and no lying verifier, so every asked verifier stands in an entry. */
  readonly isCalm: boolean;
}

const MOST_ENTRIES = 1_000_000;
/** A piece of this length occurs nowhere else by chance. */
const PIECE_BYTES = 16;
/** Pieces with fewer different bytes, such as black pixels, occur in other messages too. */
const LEAST_VARIETY = 8;
const WITNESS = /\/Witness$/;
const JOB = /\/Commit$/;

/**
 * Checks the messages of honest machines for prompt, latents, outputs and pixels of pictures. These reach only the readers of a reply and
 * the witnesses that were asked about it.
 */
export function watchPrivacy(
  world: Pick<World, 'network' | 'violate'>,
  { listReplies, isHonest, isCalm }: PrivacyContext,
): PrivacyWatch {
  const flows: Flow[] = [];
  const received: Record<string, number> = {};
  world.network.onArrival = (flow) => void flows.push(flow);

  return {
    received,
    finish() {
      const replies = listReplies();
      const pieces = indexPieces(replies);
      const counted = new Set<string>();
      for (const flow of flows) {
        for (const reply of new Set(findPieces(flow.bytes, pieces))) {
          const role = flow.to.slice(0, flow.to.indexOf('-'));
          if (!counted.has(`${role} ${reply.id}`)) received[role] = (received[role] ?? 0) + 1;
          counted.add(`${role} ${reply.id}`);
          const mayReceive = isReader(flow, reply, flows) || (!isCalm && isAsked(flow, reply));
          if (mayReceive || !isHonest(flow.from)) continue;
          world.violate('pictures-stay-private', `${flow.to} received ${reply.id} from ${flow.from} by ${flow.method}`);
        }
      }
    },
  };
}

/** Returns whether a machine may receive private parts of the reply. A witness may once the handling validator has asked it. */
function isReader({ to }: Flow, { id, readers }: PrivateReply, flows: readonly Flow[]): boolean {
  if (readers.has(to)) return true;
  const name = Buffer.from(id, 'hex');
  return flows.some((one) => one.to === to && WITNESS.test(one.method) && Buffer.from(one.bytes).includes(name));
}

/** Returns whether the handling validator asks a verifier. Some entries omit a verifier that did not answer. */
const isAsked = ({ from, to, method }: Flow, { handlingValidator }: PrivateReply): boolean =>
  from === handlingValidator && to.startsWith('verifier-') && JOB.test(method);

type Pieces = ReadonlyMap<number, readonly { readonly piece: Uint8Array; readonly reply: PrivateReply }[]>;

const startOf = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

/** Indexes the pieces of all secrets by their first four bytes. */
function indexPieces(replies: readonly PrivateReply[]): Pieces {
  const pieces = new Map<number, { readonly piece: Uint8Array; readonly reply: PrivateReply }[]>();
  for (const reply of replies) {
    for (const secret of reply.secrets) {
      for (let at = 0; at + PIECE_BYTES <= secret.length; at += PIECE_BYTES) {
        const piece = secret.slice(at, at + PIECE_BYTES);
        if (new Set(piece).size < LEAST_VARIETY) continue;
        const found = pieces.get(startOf(piece, 0));
        if (found) found.push({ piece, reply });
        else pieces.set(startOf(piece, 0), [{ piece, reply }]);
      }
    }
  }
  return pieces;
}

function* findPieces(bytes: Uint8Array, pieces: Pieces): Generator<PrivateReply> {
  for (let at = 0; at + PIECE_BYTES <= bytes.length; at++) {
    for (const { piece, reply } of pieces.get(startOf(bytes, at)) ?? []) {
      if (equalBytes(piece, bytes.subarray(at, at + PIECE_BYTES))) yield reply;
    }
  }
}

/** Lists the pictures with an entry in a log, with the values on the disks of their providers. */
export function listPictures(world: World, machines: ReadonlyMap<string, Machine>): readonly PrivateReply[] {
  const replies: PrivateReply[] = [];
  const all = [...machines.values()];
  const nameOfVerifier = new Map(
    [...machines.keys()].flatMap((name) => {
      const [role, index] = name.split('-');
      if (role !== 'verifier') return [];
      const key = hashHybridKey(world.crypto, placeOf(world, 'verifier', Number(index)).signer.publicKey);
      return [toHex(providerIdOf(world, Number(index))), toHex(key)].map((id) => [id, name] as const);
    }),
  );
  for (const { name, disk } of all) {
    const store = disk.find('validator');
    for (const { entry, replyId } of store ? listEntries(store, 0n, MOST_ENTRIES) : []) {
      const id = toHex(replyId);
      const has = (file: string, table: string) => (one: Machine) =>
        one.disk.find(file)?.prepare(`SELECT 1 FROM ${table} WHERE reply_id = ?`).get(id) !== undefined;
      const row = store?.prepare('SELECT request, response FROM replies WHERE reply_id = ?').get(replyId);
      const providers = all.filter(has('blobs', 'blobs'));
      const values = providers.flatMap(
        (one) => one.disk.find('blobs')?.prepare('SELECT bytes FROM blobs WHERE reply_id = ?').all(id) ?? [],
      );
      const verifiers = parseVerdictEntry(entry).verifiers.map(({ verifierId }) => toHex(verifierId));
      replies.push({
        ...{ id, handlingValidator: name },
        secrets: [
          ...values.map(({ bytes }) => bytes as Uint8Array),
          ...(row?.response ? [row.response as Uint8Array] : []),
          ...(row?.request ? listPrompts(row.request as Uint8Array) : []),
        ],
        readers: new Set([
          ...[
            name,
            ...providers.map((one) => one.name),
            ...all.filter(has('gateway', 'orders')).map((one) => one.name),
          ],
          ...verifiers.flatMap((verifier) => nameOfVerifier.get(verifier) ?? []),
        ]),
      });
    }
  }
  return replies;
}

function listPrompts(request: Uint8Array): readonly Uint8Array[] {
  const { prompt } = JSON.parse(Buffer.from(request).toString('utf8')) as { readonly prompt: string };
  return isClientPrompt(prompt) ? [utf8Encode(prompt)] : [];
}
