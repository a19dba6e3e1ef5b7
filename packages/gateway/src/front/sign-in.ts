import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { ANONYMOUS, type ApiKeys, KEY_PREFIX, type KeyHolder } from '../books/api-keys.ts';
import { UNPAID } from './payments.ts';

/** A handler that needs to know who calls, because the caller pays or because only the caller may read the answer. */
export type KeyedHandler = (context: ApiContext, key: KeyHolder) => Response | Promise<Response>;

export interface SignIn {
  /** Whether the gateway started without keys, so that every caller may use it. */
  isOpen(): boolean;
  /** Looks whether there are keys; before, nobody is let in without one. */
  start(): Promise<void>;
  /** Answers holders of a key only. */
  require(handle: KeyedHandler): Handler;
  /** Lets callers without a key come as far as `UNPAID`, where payments are taken. */
  requireOrPay(handle: KeyedHandler): Handler;
}

/** From now on the connection counts as that of a caller with a key. */
function welcome(env: ApiContext['env'], holder: KeyHolder): KeyHolder {
  env.welcome?.();
  return holder;
}

/** The secret that a caller shows, if any. */
export function readKeySecret({ req }: Pick<ApiContext, 'req'>): string | undefined {
  const [, bearer] = /^Bearer\s+(\S{1,200})$/i.exec(req.header('authorization') ?? '') ?? [];
  // Where Anthropic's clients put it.
  return bearer ?? /^\S{1,200}$/.exec(req.header('x-api-key') ?? '')?.[0];
}

/** @param takesPayments whether callers without a key may pay for what they ask. */
export function createSignIn(keys: ApiKeys, takesPayments = false): SignIn {
  let isOpen = false;

  /** @throws ApiError `invalid_api_key` */
  async function findHolder({ req, env }: ApiContext, mayPay: boolean): Promise<KeyHolder> {
    // Only a gateway that started without keys is open. It closes when the first key is made, for good: a key that was revoked
    // stays in the file.
    if (isOpen && (await keys.isEmpty())) return welcome(env, ANONYMOUS);
    const secret = readKeySecret({ req });
    // Clients that pay by request often demand some key, so one that is none of ours counts as none.
    if (mayPay && !(secret?.startsWith(KEY_PREFIX) ?? false)) return UNPAID;
    const holder = secret === undefined ? undefined : await keys.find(secret);
    if (holder) return welcome(env, holder);
    const message =
      secret === undefined
        ? "You didn't provide an API key. Send it as `Authorization: Bearer <key>` or as `x-api-key: <key>`."
        : 'Incorrect API key provided. Keys are made with `ogong-gatewayd admin key add`.';
    throw new ApiError('invalid_api_key', message);
  }

  return {
    isOpen: () => isOpen,
    async start() {
      isOpen = !takesPayments && (await keys.isEmpty());
    },
    require: (handle) => async (context) => handle(context, await findHolder(context, false)),
    requireOrPay: (handle) => async (context) => handle(context, await findHolder(context, takesPayments)),
  };
}
