import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';

/** The providers that the registry of machines lets serve confidential tiers, as last read from the chain. */
export interface MachineStanding {
  /** A provider that was not read yet may serve: gateways look for themselves. */
  mayServe(providerId: Uint8Array): boolean;
  /** Reads these and forgets all others. @throws ChainError; the earlier values stay in force until all are read. */
  refresh(providerIds: readonly Uint8Array[]): Promise<void>;
}

/** Providers that are read from the chain at the same time. */
const AT_ONCE = 16;

export function createMachineStanding({
  findMachineProblem,
}: Partial<Pick<ChainView, 'findMachineProblem'>>): MachineStanding {
  let out: ReadonlySet<string> = new Set();
  return {
    mayServe: (providerId) => !out.has(toHex(providerId)),
    async refresh(providerIds) {
      const read = new Set<string>();
      for (let i = 0; i < providerIds.length; i += AT_ONCE) {
        await Promise.all(
          providerIds.slice(i, i + AT_ONCE).map(async (id) => {
            if ((await findMachineProblem?.(id)) !== undefined) read.add(toHex(id));
          }),
        );
      }
      out = read;
    },
  };
}
