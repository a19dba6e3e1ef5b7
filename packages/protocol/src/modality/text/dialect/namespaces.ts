import { isFields, type JsonFields } from './translation.ts';

/** A function of a namespace, as a call names it. */
export interface NamespacedName {
  readonly name: string;
  readonly namespace: string;
}

/** The name of such a function in a chat, which has no namespaces. */
export const flattenName = ({ name, namespace }: NamespacedName): string => `${namespace}__${name}`;

/** The names of a request's functions in namespaces, by their names in the chat. @param tools of a request that was translated. */
export function listNamespaced(tools: unknown): ReadonlyMap<string, NamespacedName> {
  const found = new Map<string, NamespacedName>();
  for (const { name: namespace, tools: inside } of listFields(tools)) {
    for (const { type, name } of listFields(inside)) {
      if (type !== 'function' || typeof name !== 'string' || typeof namespace !== 'string') continue;
      found.set(flattenName({ name, namespace }), { name, namespace });
    }
  }
  return found;
}

const listFields = (value: unknown): readonly JsonFields[] => (Array.isArray(value) ? value.filter(isFields) : []);
