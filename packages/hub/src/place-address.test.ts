import { expect, it } from 'vitest';
import { type HubPlace, parsePlace } from './place.ts';
import { findPlaceAddress, PUBLIC_SERVICES } from './place-address.ts';

const CID = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi';
const COMMIT = 'ab'.repeat(20);
const services = { ...PUBLIC_SERVICES, ipfs: 'http://127.0.0.1:8080' };

it.each([
  ['https://models.acme.example/hub', 'https://models.acme.example/hub/'],
  [`hf:acme/small@${COMMIT}`, `https://huggingface.co/acme/small/resolve/${COMMIT}/`],
  ['s3://acme-models', 'https://acme-models.s3.amazonaws.com/'],
  ['s3://acme-models/hub/v1/', 'https://acme-models.s3.amazonaws.com/hub/v1/'],
  [`ipfs:${CID}`, `http://127.0.0.1:8080/ipfs/${CID}/`],
  ['walrus:M4hsZGQ1oCktdzegB6HnI6Mi28S2nqOPHxK-W7_4BUk', undefined],
])('reads %s at %s', (text, address) => {
  expect(findPlaceAddress(parsePlace(text) as HubPlace, services)).toBe(address);
});

it('reads no kind whose service is not named, and no folder', () => {
  for (const text of [`hf:acme/small@${COMMIT}`, 's3://acme-models', `ipfs:${CID}`])
    expect(findPlaceAddress(parsePlace(text) as HubPlace, {})).toBeUndefined();
  expect(findPlaceAddress({ kind: 'folder', address: '/srv/hub' }, services)).toBeUndefined();
});
