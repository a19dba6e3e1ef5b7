import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import type { BodyLimits } from '@ogong/host/http/body';
import type { MemoryService } from '../memory-service.ts';
import type { CallerKey } from './memory-key.ts';
import type { MemoryScope } from './memory-routes.ts';
import type { WebhookSenderOptions } from './webhooks.ts';

/** The caller of a request, whose key was checked. */
export interface MemoryCaller {
  readonly user: string;
  readonly service: MemoryService;
  /** Default: none, as at a gateway, whose keys are not made here. */
  readonly key?: CallerKey;
}

export type MemoryHandler = (context: ApiContext, caller: MemoryCaller) => Promise<Response>;

export interface MemoryApiOptions {
  /** Answers callers with this right only. */
  readonly require: (scope: MemoryScope, handle: MemoryHandler) => Handler;
  /** Monotonic, ms. */
  readonly clock: { readonly nowMs: () => number };
  readonly bodyLimits: BodyLimits;
  /** Default: public addresses alone. */
  readonly webhooks?: WebhookSenderOptions;
}
