import { ApiError } from '@ogong/host/http/api-error';
import { parseJsonBody, readJsonBody } from '@ogong/host/http/body';
import { KEY_BODY } from './memory-bodies.ts';
import type { MemoryApiOptions, MemoryCaller, MemoryHandler } from './memory-handler.ts';
import type { CallerKey, MemoryKey } from './memory-key.ts';
import type { MemoryRouteName, MemoryScope } from './memory-routes.ts';

type KeyRouteName = Extract<MemoryRouteName, 'keys' | 'keyAddition' | 'keyRevocation'>;

/** Routes by which a key makes, lists and revokes keys of its user. */
export function createKeyHandlers({
  bodyLimits,
}: Pick<MemoryApiOptions, 'bodyLimits'>): Readonly<Record<KeyRouteName, MemoryHandler>> {
  return {
    async keyAddition(context, caller) {
      const own = requireKey(caller);
      const { scopes, expires_at: expiresMs = own.expiresMs } = parseJsonBody(
        await readJsonBody(context, bodyLimits),
        KEY_BODY,
      );
      assertWithin(own, scopes);
      assertExpiry(own, expiresMs);
      const { secret, ...key } = await own.store.add({ user: caller.user, scopes: [...new Set(scopes)], expiresMs });
      return context.json({ ...toKeyJson(key), key: secret }, 201);
    },
    async keys({ json }, caller) {
      const keys = await requireKey(caller).store.list(caller.user);
      return json({ keys: keys.map(toKeyJson) });
    },
    async keyRevocation({ req, json }, caller) {
      const own = requireKey(caller);
      const id = req.param('id') ?? '';
      const key = (await own.store.list(caller.user)).find((one) => one.id === id);
      if (key === undefined || key.revokedMs !== undefined) throw new ApiError('not_found', 'There is no such key.');
      assertWithin(own, key.scopes);
      await own.store.revoke(id);
      return json({ success: true });
    },
  };
}

/** @throws ApiError `not_found` at a gateway. */
function requireKey({ key }: MemoryCaller): CallerKey {
  if (key === undefined) throw new ApiError('not_found', 'The API keys of this service are made at its gateway.');
  return key;
}

/** @throws ApiError `forbidden` */
function assertWithin(own: CallerKey, scopes: readonly MemoryScope[]): void {
  const beyond = scopes.find((scope) => !own.scopes.includes(scope));
  if (beyond !== undefined)
    throw new ApiError('forbidden', `This API key has no right to ${beyond}, so it can neither give nor revoke it.`);
}

/** @throws ApiError `forbidden` */
function assertExpiry(own: CallerKey, expiresMs: number | undefined): void {
  if (own.expiresMs !== undefined && (expiresMs === undefined || expiresMs > own.expiresMs))
    throw new ApiError('forbidden', 'expires_at: a new key expires with the key that makes it, or before.', {
      param: 'expires_at',
    });
}

const toTime = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

const toKeyJson = ({ id, prefix, scopes, createdMs, expiresMs, revokedMs, usedMs }: MemoryKey) => ({
  ...{ id, prefix, scopes, created_at: toTime(createdMs), expires_at: toTime(expiresMs) },
  ...{ revoked_at: toTime(revokedMs), last_used_at: toTime(usedMs) },
});
