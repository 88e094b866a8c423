/** The part of `subscript/parse` that `expression.ts` builds its grammar from. The package types its main entry only. */
declare module 'subscript/parse' {
  /** A name, a literal as `[undefined, value]`, or an operator with its operands. */
  type Tree = string | readonly [undefined, unknown] | readonly [string, ...(Tree | null)[]]
  interface Parse {
    (text: string): Tree
    space: () => number
    string: Record<string, boolean>
  }
  export const parse: Parse
  export function expr(precedence: number): Tree | undefined
  export function skip(characters: number): void
  export function word(word: string): boolean
  export function token(operator: string, precedence: number, map: (left: Tree | undefined) => unknown): void
  export function binary(operator: string, precedence: number, rightAssociative?: boolean): void
  export function unary(operator: string, precedence: number): void
  export function group(brackets: string, precedence: number): void
  export function access(brackets: string, precedence: number): void
  export function member(operator: string, precedence: number): void
  export function nary(operator: string, precedence: number): void
}

declare module 'subscript/feature/number.js'
declare module 'subscript/feature/string.js'
