import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChainClient } from '@ogong/chain/client';
import type { FetchedManifest } from '@ogong/hub/named/fetch-manifest';
import { formatVersion } from '@ogong/hub/named/named-model';
import { MAX_TEXT_CHARACTERS, type SearchCard, type SearchEntry } from '@ogong/hub/search/search-index';
import { replaceFile } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { toPrintable } from '@ogong/protocol/base/printable';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { z } from 'zod';
import type { OpenedHub } from './open-hub.ts';

/** The most models that a search knows. */
const MAX_MODELS = 100_000;
const PAGE = 4_096;
const MAX_FILE_BYTES = 2 ** 27;

const card = z.object({
  version: z.string().max(40),
  licence: z.string().max(64),
  text: z.string().max(MAX_TEXT_CHARACTERS),
});
const knownSchema = z.object({
  registry: z.string().max(80),
  names: z.array(z.string().max(129)).max(MAX_MODELS),
  cards: z.record(z.string().max(129), card),
});

/** Models of a registry that this machine has seen, for searches. */
type KnownModels = z.infer<typeof knownSchema>;

const pathOf = (directory: string): string => join(directory, 'search.json');
const nameRegistry = ({ chainId, verifyingContract }: LedgerDomain): string => `${chainId}/${toHex(verifyingContract)}`;

/** Reads the file. One of another registry, or a damaged one, counts as empty: the chain has it all. */
async function readKnown({ registry, store }: OpenedHub): Promise<KnownModels> {
  const name = nameRegistry(registry);
  const path = pathOf(store.directory);
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  try {
    const found = size > MAX_FILE_BYTES ? undefined : knownSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    if (found?.registry === name) return found;
  } catch {
    // The next write replaces it.
  }
  return { registry: name, names: [], cards: {} };
}

async function writeKnown({ store }: OpenedHub, known: KnownModels): Promise<void> {
  const path = pathOf(store.directory);
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, Buffer.from(JSON.stringify(known)));
}

/** Reads the names that the chain has since the last time. @returns everything that a search can find. */
export async function refreshModels(hub: OpenedHub): Promise<SearchEntry[]> {
  const known = await readKnown(hub);
  const names = [...known.names];
  while (names.length < MAX_MODELS) {
    const page = await readPage(hub.chain, names.length);
    names.push(...page);
    if (page.length < PAGE) break;
  }
  if (names.length > known.names.length) await writeKnown(hub, { ...known, names });
  return names.map((name) => {
    const [maker = '', model = ''] = name.split('/');
    return { maker, model, card: known.cards[name] };
  });
}

async function readPage(chain: ChainClient, first: number): Promise<string[]> {
  const page = await chain.listModels(Math.min(PAGE, MAX_MODELS - first), first);
  return page.map(({ maker, model }) => `${maker}/${model}`);
}

/** Remembers a manifest for searches. @param readme text of its README, if it has one. */
export async function rememberModel(
  hub: OpenedHub,
  { manifest: { maker, model, version, licence, notes } }: Pick<FetchedManifest, 'manifest'>,
  readme = '',
): Promise<void> {
  const known = await readKnown(hub);
  const name = `${maker}/${model}`;
  const text = toPrintable(`${notes}\n${readme}`).trim().slice(0, MAX_TEXT_CHARACTERS);
  const next: SearchCard = { version: formatVersion(version), licence, text };
  if (JSON.stringify(known.cards[name]) === JSON.stringify(next)) return;
  await writeKnown(hub, { ...known, cards: { ...known.cards, [name]: next } });
}
