import { ApiError } from '@ogong/host/http/api-error';
import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { CommonRequest } from '@ogong/protocol/modality/modality';

/** The verdicts that a gateway pays for: `any` leaves it to each request (docs/spec/order.md). */
export type SettlePolicy = 'any' | 'accepted';

const DEMAND = '"ogong":{"settle":"accepted"}';

export interface ReadBody<R> {
  /** The ordered body. */
  readonly body: Uint8Array;
  readonly request: R;
}

/**
 * The request as the gateway orders it. Under `accepted` a body that says nothing gets the demand, behind all that it has. A
 * caller that checks its answer gets its own body unchanged, so it has to write the demand itself. The same holds for a caller
 * that names other demands.
 * @throws ApiError if it does not; the error of `read`.
 */
export function readUnderPolicy<R extends Pick<CommonRequest, 'demands'>>(
  given: { readonly body: Uint8Array; readonly isChecked: boolean },
  policy: SettlePolicy,
  read: (body: Uint8Array) => R,
): ReadBody<R> {
  const { body, isChecked } = given;
  const request = read(body);
  if (policy === 'any' || request.demands.acceptedOnly) return { body, request };
  const text = utf8Decode(body).trimEnd();
  if (isChecked || Object.hasOwn(JSON.parse(text), 'ogong')) {
    throw new ApiError(
      'invalid_request',
      `This gateway pays for accepted replies only: add ${DEMAND} to the request.`,
      {
        param: 'ogong.settle',
        publicCode: null,
      },
    );
  }
  const demanding = utf8Encode(`${text.slice(0, -1)},${DEMAND}}`);
  return { body: demanding, request: read(demanding) };
}
