import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestFile } from '@ogong/hub/manifest';
import { collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { describeBlobStore } from '@ogong/testing/hub/blob-store-compliance';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type IpfsNode, openIpfsNode } from './ipfs-node.ts';
import { createIpfsSource } from './ipfs-source.ts';
import { openIpfsStore } from './ipfs-store.ts';

const LISTEN = ['/ip4/127.0.0.1/tcp/0'];
const BYTES = 3 * 2 ** 20 + 7;

describe('a store on one node', () => {
  let directory: TestDirectory;
  let node: IpfsNode;
  let places = 0;
  beforeAll(async () => {
    directory = createTestDirectory('hub-ipfs');
    node = await openIpfsNode({ folder: join(directory.path, 'node') });
  });
  afterAll(async () => {
    await node.close();
    directory.remove();
  });
  const openPlace = (place: string) => openIpfsStore(node, join(directory.path, place));

  describeBlobStore('ipfs', async () => {
    const place = `place-${places++}`;
    return { open: async () => openPlace(place), close: async () => undefined };
  });

  it('keeps blocks that another blob has too, and deletes the others', async () => {
    const store = openPlace('shared');
    const countBlocks = () =>
      readdirSync(join(directory.path, 'node', 'blocks'), { recursive: true }).filter((name) =>
        `${name}`.endsWith('.data'),
      ).length;
    const before = countBlocks();
    const [long, short] = [createTestBlob(2 * 2 ** 20, 9), createTestBlob(2 ** 20, 9)];
    await store.put(long.stream(), { bytes: long.bytes });
    await store.put(short.stream(), { bytes: short.bytes });
    expect(countBlocks()).toBe(before + 3);
    await store.remove(long.id);
    expect(countBlocks()).toBe(before + 1);
    expect(Buffer.from(await collect(store.get(short.id))).equals(await collect(short.stream()))).toBe(true);
    await store.remove(short.id);
    expect(countBlocks()).toBe(before);
  });
});

describe('nodes that name each other', () => {
  let directory: TestDirectory;
  const nodes: IpfsNode[] = [];
  beforeEach(() => {
    directory = createTestDirectory('hub-ipfs-nodes');
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
    directory.remove();
  });
  const blob = createTestBlob(BYTES);
  const file = { blockRoot: blob.root } as ManifestFile;
  const start = async (name: string, peers: readonly IpfsNode[] = []) => {
    const addresses = peers.flatMap((peer) => peer.addresses());
    const node = await openIpfsNode({ folder: join(directory.path, name), listen: LISTEN, peers: addresses });
    nodes.push(node);
    return node;
  };
  const publish = async (node: IpfsNode) => {
    const store = openIpfsStore(node, join(directory.path, 'index'));
    await store.put(blob.stream(), { bytes: BYTES });
    return (await store.publish()).replace('ipfs:', '');
  };
  const { signal } = new AbortController();
  const read = (node: IpfsNode, place: string) =>
    collect(createIpfsSource(node, place).read(file, { from: 0, to: BYTES }, signal));

  it('pass a blob on: the third reads from the second what the first put', async () => {
    const first = await start('first');
    const place = await publish(first);
    const second = await start('second', [first]);
    await read(second, place);
    const list = await createIpfsSource(second, place).listBlocks(file, { maxBytes: 4 * 32, signal });
    expect(Buffer.from(list).equals(Buffer.concat(blob.hashes))).toBe(true);
    nodes.splice(nodes.indexOf(first), 1);
    await first.close();
    const third = await start('third', [second]);
    expect(Buffer.from(await read(third, place)).equals(await collect(blob.stream()))).toBe(true);
  });

  it('refuse a block that a peer has altered', async () => {
    const liar = await start('liar');
    const place = await publish(liar);
    const blocks = join(directory.path, 'liar', 'blocks');
    const isSecondBlock = (path: string): boolean => {
      const content = readFileSync(path);
      return content.length === 2 ** 20 && content[0] === 1;
    };
    const paths = readdirSync(blocks, { recursive: true, encoding: 'utf8' }).map((name) => join(blocks, name));
    const altered = paths.filter((path) => path.endsWith('.data') && isSecondBlock(path));
    expect(altered).toHaveLength(1);
    for (const path of altered) writeFileSync(path, readFileSync(path).fill(7, 9, 99));
    const source = createIpfsSource(await start('reader', [liar]), place);
    const readBlock = (index: number) =>
      collect(source.read(file, { from: index * 2 ** 20, to: (index + 1) * 2 ** 20 }, AbortSignal.timeout(1_500)));
    expect(Buffer.from(await readBlock(0)).equals(blob.block(0))).toBe(true);
    await expect(readBlock(1)).rejects.toThrow();
  });

  it('connect again to a peer whose connection broke', async () => {
    const first = await start('first');
    const { libp2p } = (await start('second', [first])).helia;
    const lost = new Promise((resolve) => libp2p.addEventListener('connection:close', resolve, { once: true }));
    await first.helia.libp2p.hangUp(libp2p.peerId);
    await lost;
    await expect.poll(() => libp2p.getConnections().length, { timeout: 10_000 }).toBe(1);
  });

  it('share no folder', async () => {
    await start('first');
    await expect(start('first')).rejects.toMatchObject({ code: 'in-use' });
  });

  it('do not start if no peer answers', async () => {
    const gone = await start('gone');
    const peers = gone.addresses();
    nodes.pop();
    await gone.close();
    const folder = join(directory.path, 'alone');
    await expect(openIpfsNode({ folder, listen: LISTEN, peers })).rejects.toThrow('none of the peers answers');
  });
});
