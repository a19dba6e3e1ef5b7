import { existsSync } from 'node:fs';
import { create, type DescMessage } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import {
  AdmitRequestSchema,
  ProviderService,
  RouterService,
  ShardService,
  ValidatorService,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ADMIN_ROUTES, GATEWAY_ROUTES, HOOK_ROUTES } from '@ogong/protocol/http/routes';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { createAccess } from '@ogong/validator/access';
import { describe, expect, it } from 'vitest';
import { dumpStore } from './stores.ts';
import { METHOD_ROWS, ROUTE_ROWS } from './strangers.ts';
import { serveValidator } from './validator-door.ts';

const root = new URL('../../../', import.meta.url);
const methods = [ProviderService, ShardService, ValidatorService, VerifierService, RouterService].flatMap((service) =>
  service.methods.map(({ name }) => `${service.typeName.split('.').at(-1)}/${name}`),
);

describe('the table of effects that a stranger can cause', () => {
  it('has every method and every route, and nothing else', () => {
    expect(Object.keys(METHOD_ROWS).sort()).toEqual([...methods].sort());
    expect(Object.keys(ROUTE_ROWS).sort()).toEqual(
      Object.keys({ ...GATEWAY_ROUTES, ...ADMIN_ROUTES, ...HOOK_ROUTES }).sort(),
    );
  });

  it('costs something where it changes anything, and a test shows it', () => {
    for (const [name, { costs, shownBy }] of [...Object.entries(METHOD_ROWS), ...Object.entries(ROUTE_ROWS)]) {
      expect(costs, name).not.toBe('');
      expect(existsSync(new URL(shownBy, root)), `${name}: ${shownBy}`).toBe(true);
    }
  });

  it.each(Object.entries(METHOD_ROWS).filter(([name]) => name.startsWith('ValidatorService/')))(
    '%s lets in whom the table says',
    (name, { who }) => {
      const nobody = () => undefined;
      const chain = { findByCertHash: nobody, recallByCertHash: nobody };
      const access = createAccess({ chain, grants: { has: () => false } });
      expect(access(new Uint8Array(32), `ogong.v1.${name}` as `ogong.v1.${string}`)).toBe(who === 'anyone');
    },
  );
});

describe('a stranger without money', () => {
  it('changes nothing at a validator by any method, nor by an order that it cannot pay', async () => {
    const validator = createTestValidator({ spendable: 0n });
    const served = await serveValidator(validator);
    try {
      const client = (await served.connect(1)).service(ValidatorService);
      const before = dumpStore(validator.store);
      const calls = client as unknown as Readonly<Record<string, (message: object) => Promise<unknown>>>;
      for (const { localName, input } of ValidatorService.methods) {
        await calls[localName]?.(create(input as DescMessage)).catch((error: unknown) => {
          if (!(error instanceof LinkError)) throw error;
        });
      }
      const { order, signature, consent } = validator.order(0, {}, createTestPayee('poor'));
      const ordered = create(AdmitRequestSchema, { order: { order, signature }, consent });
      await expect(client.admit(ordered)).rejects.toThrow('0 reserved');
      expect(dumpStore(validator.store)).toBe(before);
      expect(served.errors).toEqual([]);
    } finally {
      await served.close();
      await validator.close();
    }
  });
});
