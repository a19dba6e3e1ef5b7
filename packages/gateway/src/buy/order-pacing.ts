import { ApiError } from '@ogong/host/http/api-error';
import { toHex } from '@ogong/protocol/base/bytes';

/**
 * Limits the orders to one provider before it has confirmed their admission. Providers limit that for each address, by the orders
 * admitted before (docs/spec/validator-intake.md#newcomers). So a busy gateway sends the rest a moment later.
 */
export interface OrderPacing {
  /** Resolves when the next order may be sent. @throws the signal's reason */
  enter(providerId: Uint8Array, signal: AbortSignal): Promise<PacedOrder>;
}

export interface PacedOrder {
  /** The provider has answered. Only its first message about an order counts. */
  answered(): void;
  /** The order ended. @param isRefused the provider refused it because it had too many. */
  ended(isRefused: boolean): void;
}

/** The order was not sent, so its provider is not at fault. */
export class UnsentOrderError extends ApiError {}

interface PacedProvider {
  allowed: number;
  open: number;
  readonly waiting: Set<() => void>;
}

const LEAST = 32;
const MOST = 1_024;
const MAX_KNOWN = 4_096;

export function createOrderPacing(): OrderPacing {
  const known = new Map<string, PacedProvider>();

  function find(name: string): PacedProvider {
    const provider = known.get(name) ?? { allowed: LEAST, open: 0, waiting: new Set<() => void>() };
    known.delete(name);
    known.set(name, provider);
    // A waiting caller keeps its pacing.
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as string);
    return provider;
  }

  return {
    async enter(providerId, signal) {
      signal.throwIfAborted();
      const provider = find(toHex(providerId));
      if (provider.open >= provider.allowed) await waitFor(provider, signal);
      else provider.open++;
      let isOver = false;
      const leave = (allowed: number): void => {
        if (isOver) return;
        isOver = true;
        provider.allowed = allowed;
        provider.open--;
        admit(provider);
      };
      return {
        answered: () => leave(Math.min(MOST, provider.allowed + 1)),
        // A provider that has restarted remembers no admission.
        ended: (isRefused) => leave(isRefused ? LEAST : provider.allowed),
      };
    },
  };
}

/** Waits for a place, and no longer than an order may wait. @throws UnsentOrderError, or the signal's reason */
export async function waitForPlace(
  pacing: OrderPacing,
  providerId: Uint8Array,
  { signal, patienceMs }: { readonly signal: AbortSignal; readonly patienceMs: number },
): Promise<PacedOrder> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), patienceMs);
  try {
    return await pacing.enter(providerId, AbortSignal.any([signal, over.signal]));
  } catch (cause) {
    if (signal.aborted || !over.signal.aborted) throw cause;
    const message = 'Too many orders from here wait for the provider.';
    throw new UnsentOrderError('provider_busy', message, { cause, retryAfterS: 2 });
  } finally {
    clearTimeout(timer);
  }
}

function admit(provider: PacedProvider): void {
  for (const next of provider.waiting) {
    if (provider.open >= provider.allowed) return;
    provider.open++;
    provider.waiting.delete(next);
    next();
  }
}

function waitFor({ waiting }: PacedProvider, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      waiting.delete(enter);
      reject(signal.reason);
    };
    const enter = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    signal.addEventListener('abort', leave, { once: true });
    waiting.add(enter);
  });
}
