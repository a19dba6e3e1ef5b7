import { createDownloads } from '@ogong/provider/provider/hub/downloads';
import { type HeldRoom, planRoom } from '@ogong/provider/provider/hub/hub-room';
import { combineDemand, readDemand } from '@ogong/provider/provider/hub/wanted-models';
import { createDemand } from '@ogong/router/demand';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';

/** A download of a provider that serves from the hub. */
export interface HubFetch {
  readonly modelId: string;
  readonly bytes: number;
  readonly atMs: number;
}

/** Less than half of the routers lie: the first one. */
const ROUTERS = 3;
const MODELS = 6;
const LOOK_MS = 5_000;
/** Pause between two requests for models that nobody serves. */
const ASK_MS = 3_000;
export const HUB_BUDGET_BYTES = 100;
/** In place of a day. */
export const HUB_STAY_MS = 60_000;
const HIGHEST_WEIGHT = 256_000;

const namesOf = (maker: string): string[] =>
  Array.from({ length: MODELS }, (_, i) => `ogong/verified/${maker}/model-${i}`);
const WANTED = namesOf('acme');
export const JUNK: ReadonlySet<string> = new Set(namesOf('junk'));

/**
 * Simulates one provider that fetches models by the demand of three routers. Demand, its combination and the room on the disk are the
 * product's. A download is a number of bytes, and takes no time.
 */
export function simulateHubDemand(
  { seed, time }: Pick<World, 'seed' | 'time'>,
  onFetch: (fetch: HubFetch) => void,
): void {
  const draws = createDraws(seed);
  const routers = Array.from({ length: ROUTERS }, createDemand);
  const clock = { nowMs: time.nowMs };
  const downloads = createDownloads(HUB_STAY_MS, clock);
  const held = new Map<string, HeldRoom>();
  const pauses = new Map<string, number>();
  const bytesOf = (modelId: string): number => 20 + Math.floor(40 * draws.at(`bytes of ${modelId}`));
  /** A place sends all bytes of such a model, and the last one is wrong. */
  const isBad = (modelId: string): boolean => draws.at(`place of ${modelId}`) < 0.5;

  /** Consumers ask at different gateways, so at each router. */
  function ask(): void {
    const modelId = WANTED[Math.floor(draws.next('wanted model') * MODELS)] as string;
    for (const router of routers)
      router.note(modelId, `consumer ${Math.floor(8 * draws.next('consumer'))}`, time.nowMs());
    time.plan(ASK_MS, ask);
  }

  function report(router: number): ReadonlyMap<string, number> {
    const rows =
      router === 0
        ? [...JUNK].map((model) => ({ model, milliWeight: HIGHEST_WEIGHT }))
        : (routers[router]?.list(MODELS, time.nowMs()) ?? []);
    const models = rows.map((row) => ({ ...row, providers: 0, verifiers: 0 }));
    return readDemand({ models } as never, { hasVerifier: false });
  }

  function look(): void {
    const nowMs = time.nowMs();
    const wanted = combineDemand(Array.from({ length: ROUTERS }, (_, router) => report(router)));
    for (const { modelId } of wanted) {
      if (held.has(modelId) || (pauses.get(modelId) ?? 0) > nowMs) continue;
      const bytes = bytesOf(modelId);
      const neededBytes = bytes + downloads.sumGone(new Set(held.keys()));
      const room = { budgetBytes: HUB_BUDGET_BYTES, held: [...held.values()], nowMs, stayMs: HUB_STAY_MS };
      const gone = planRoom(neededBytes, room);
      if (gone === undefined) continue;
      for (const each of gone) held.delete(each);
      downloads.add(modelId, bytes);
      onFetch({ modelId, bytes, atMs: nowMs });
      if (isBad(modelId)) pauses.set(modelId, nowMs + HUB_STAY_MS);
      else held.set(modelId, { modelId, sizeBytes: bytes, usedAtMs: nowMs, isKept: false });
      if (!isBad(modelId)) break;
    }
    time.plan(LOOK_MS, look);
  }

  time.plan(0, ask);
  time.plan(LOOK_MS, look);
}
