/** Conversion of names. The engine uses those of the HTTP API in TypeScript's style: `workflow_id` is `workflowId`. */

type CamelName<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelName<Tail>>}` : S
type SnakeName<S extends string> = S extends `${infer Char}${infer Rest}`
  ? `${Char extends Lowercase<Char> ? Char : `_${Lowercase<Char>}`}${SnakeName<Rest>}`
  : S

/** A type of the core or of a request, with all names in camel case. */
export type Camel<T> = T extends string | number | boolean | null | undefined | Date ? T
  : T extends readonly (infer Item)[] ? readonly Camel<Item>[]
  : { readonly [K in keyof T as K extends string ? CamelName<K> : K]: Camel<T[K]> }

/** `workflow_id` as `workflowId`. */
export function camelName(name: string): string {
  return name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}

/** `workflowId` as `workflow_id`. Not for names with an underscore, which the engine does not use. */
export function snakeName<const S extends string>(name: S): SnakeName<S> {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) as SnakeName<S>
}

/** Converts every name in a value, at any depth. Only for values without names that users chose. */
export function camel<T>(value: T): Camel<T> {
  if (Array.isArray(value)) return value.map((item: unknown) => camel(item)) as Camel<T>
  if (typeof value !== 'object' || value === null || value instanceof Date) return value as Camel<T>
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [camelName(name), camel(member as unknown)]),
  ) as Camel<T>
}
