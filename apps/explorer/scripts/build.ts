import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as abi from '@ogong/chain/generated/abi';
import { build, type Plugin, transform } from 'esbuild';

const STATIC = fileURLToPath(new URL('../static/', import.meta.url));
const source = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url));

/** Functions and events of the contracts that the pages read. The whole interfaces would be a twentieth of all that a visitor loads. */
const READ_NAMES = new Set([
  ...['validators', 'signerAt', 'inForceSince', 'accountsAt', 'votesOf', 'stakeOf', 'routerOf', 'versionsOf'],
  ...['priorityOf', 'keyLimitOf', 'ownerOf'],
  ...['totalSupply', 'balanceOf', 'freeOf', 'creditOf', 'distribution', 'limits', 'delays', 'anchorOf', 'settle'],
  ...['epochNow', 'origin', 'period', 'generations', 'eras', 'driftTable'],
  ...['Settled', 'Paid', 'Ejected', 'Reinstated', 'Penalized', 'Pardoned', 'BondTaken', 'StakeTaken', 'Restored'],
  ...['CaseOpened', 'CaseLifted'],
]);

/** Fields that a decoder does not read. */
const UNREAD = ['internalType', 'stateMutability', 'anonymous'];
const WITHOUT_UNREAD = (key: string, value: unknown): unknown => (UNREAD.includes(key) ? undefined : value);

const keepReadNames: Plugin = {
  name: 'keep-read-names',
  setup(building) {
    building.onLoad({ filter: /[/\\]generated[/\\]abi\.ts$/ }, () => ({
      loader: 'js',
      contents: Object.entries(abi)
        .map(([name, items]) => {
          const kept = items.filter((item) => 'name' in item && READ_NAMES.has(item.name));
          return `export const ${name} = ${JSON.stringify(kept, WITHOUT_UNREAD)};`;
        })
        .join('\n'),
    }));
  },
};

/** The library of the chain brings older hashes of its own; those that the protocol uses do. */
const shareHashes: Plugin = {
  name: 'share-hashes',
  setup(building) {
    building.onResolve({ filter: /^@noble\/hashes\/sha3$/ }, () => ({
      path: fileURLToPath(import.meta.resolve('@noble/hashes/sha3.js')),
    }));
  },
};

/** Of the errors of that library a page shows the name: their explanations are for those who write code. */
const shortenErrors: Plugin = {
  name: 'shorten-errors',
  setup(building) {
    building.onLoad(
      { filter: /viem[/\\]_esm[/\\]errors[/\\](?:abi|address|cursor|data|encoding)\.js$/ },
      ({ path }) => ({
        loader: 'js',
        contents: [...readFileSync(path, 'utf8').matchAll(/^export class (\w+)/gm)]
          .map(([, name]) => `export class ${name} extends Error { constructor() { super('${name}'); } }`)
          .join('\n'),
      }),
    );
  },
};

/**
 * Returns all files of the pages by name: static ones as they are, one script for each page, and chunks. Pages share chunks, or load them
 * on demand. They work from any folder of any host.
 */
export function buildPages(): Promise<ReadonlyMap<string, Uint8Array>> {
  built ??= bundlePages().catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

/** Several gateways of one process serve the same pages, so they are built once. A failure is not kept. */
let built: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

async function bundlePages(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: { explorer: source('main.tsx'), chat: source('chat/main.tsx'), admin: source('admin/main.tsx') },
    outdir: '/',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    plugins: [keepReadNames, shareHashes, shortenErrors],
    minify: true,
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
  });
  const minified = async (name: string): Promise<Uint8Array> => {
    const bytes = readFileSync(join(STATIC, name));
    if (!name.endsWith('.css')) return new Uint8Array(bytes);
    return new TextEncoder().encode((await transform(bytes, { loader: 'css', minify: true })).code);
  };
  return new Map([
    ...(await Promise.all(readdirSync(STATIC).map(async (name) => [name, await minified(name)] as const))),
    ...outputFiles.map(({ path, contents }) => [path.replace(/^.*[/\\]/, ''), contents] as const),
  ]);
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error('which folder? node scripts/run.mjs apps/explorer/scripts/build.ts FOLDER');
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of await buildPages()) writeFileSync(join(folder, name), bytes);
}
