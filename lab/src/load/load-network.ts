import { fileURLToPath } from 'node:url';
import { readNodeFlags } from '@ogong/devnet/mesh/node-flags';
import type { Peer } from '@ogong/host/link/link-pool';
import { drive, type LoadSide } from './drive.ts';
import type { LoadedGateway } from './gateway.child.ts';
import { type JoinedChildren, joinChildren } from './joined-children.ts';
import { forkChild, type LoadChild } from './load-child.ts';
import { LOAD_MODEL } from './load-model.ts';
import type { BeaconNews, NetworkPlace } from './network-view.ts';

export interface LoadNetwork {
  readonly own: LoadSide;
  readonly children: Readonly<Record<'gateway' | 'router' | 'provider' | 'validator', LoadChild>>;
  stop(): Promise<void>;
}

const MODULES = ['validator.child.ts', 'router.child.ts', 'provider.child.ts', 'gateway.child.ts'];
const SOURCES: JoinedChildren = { find: (module) => new URL(module, import.meta.url).href, remove() {} };
const MOST_TRIES = 100;

export interface LoadOptions extends Pick<LoadedGateway, 'receiptLifetimeMs'> {
  /** Each process reads its sources, as a profile by files needs it. Default: it runs a joined file. */
  readonly fromSources?: boolean;
}

/** Gateway, router, provider and validator, each in a process of its own, on one clock that runs. */
export async function startLoadNetwork({ fromSources = false, ...given }: LoadOptions = {}): Promise<LoadNetwork> {
  const started: LoadChild[] = [];
  const joined = fromSources ? SOURCES : await joinChildren(MODULES);
  const keep = async (child: Promise<LoadChild>): Promise<LoadChild> => {
    started.push(await child);
    return child;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((child) => child.stop()));
    joined.remove();
  };
  try {
    const readers: LoadChild[] = [];
    const onNews = (news: BeaconNews): void => {
      for (const reader of readers) reader.tell(news);
    };
    const validator = await keep(
      forkChild(joined.find('validator.child.ts'), { onNews: onNews as (news: unknown) => void }),
    );
    const place = validator.ready as NetworkPlace;
    const routing = await keep(forkChild(joined.find('router.child.ts'), { first: place }));
    const { peer: router } = routing.ready as { readonly peer: Peer };
    const provider = await keep(forkChild(joined.find('provider.child.ts'), { first: { place, router } }));
    readers.push(provider);
    const first: LoadedGateway = { place, router, ...given };
    const flags = readNodeFlags(fileURLToPath(import.meta.resolve('@ogong/gateway/bin/ogong-gatewayd')));
    const gateway = await keep(forkChild(joined.find('gateway.child.ts'), { first, flags }));
    readers.push(gateway);
    const headers = { authorization: 'Bearer unused' };
    const own: LoadSide = { name: 'ogong', url: gateway.url, pid: gateway.pid, model: LOAD_MODEL, headers };
    await waitUntilServed(own);
    return { own, children: { gateway, router: routing, provider, validator }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function waitUntilServed(side: LoadSide): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { failures, reasons } = await drive(side, { replies: 1, concurrency: 1, tokens: 8, stream: false });
    if (failures === 0) return;
    if (tries === MOST_TRIES) throw new Error(`nobody serves: ${reasons.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
