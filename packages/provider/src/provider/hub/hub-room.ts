/** A model of the hub that has a place on the disk. */
export interface HeldRoom {
  readonly modelId: string;
  readonly sizeBytes: number;
  /** Time of its last order, or of its fetch. */
  readonly usedAtMs: number;
  /** Orders run, or the operator has pinned it. */
  readonly isKept: boolean;
}

/**
 * Plans which models make room for another one: those that were used longest ago. A model stays for a while after its last order, because
 * validators may ask for its traces. So demand that changes quickly does not cost a download each time.
 * @param stayMs how long a model stays after its last use.
 * @returns ids of the models that go; undefined if there is no room.
 */
export function planRoom(
  neededBytes: number,
  {
    budgetBytes,
    held,
    nowMs,
    stayMs,
  }: {
    readonly budgetBytes: number;
    readonly held: readonly HeldRoom[];
    readonly nowMs: number;
    readonly stayMs: number;
  },
): readonly string[] | undefined {
  let freeBytes = budgetBytes - held.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const gone: string[] = [];
  const idle = held
    .filter(({ isKept, usedAtMs }) => !isKept && usedAtMs + stayMs <= nowMs)
    .toSorted((a, b) => a.usedAtMs - b.usedAtMs);
  for (const { modelId, sizeBytes } of idle) {
    if (freeBytes >= neededBytes) break;
    gone.push(modelId);
    freeBytes += sizeBytes;
  }
  return freeBytes >= neededBytes ? gone : undefined;
}
