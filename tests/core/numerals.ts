import * as fc from 'fast-check'

/** Numbers as JSON may write them, most of them in a way in which no double is written. */
export const numeral: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('1.0', '1e0', '1E+2', '-0', '-0.0', '0.10', '0.0000001', '1e400', '-1e-400', '9007199254740993'),
  fc.constantFrom('1', '12.5', '-3', '123456789012345678901234567890', '0.12345678901234567890', '0.30000000000000004'),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$/),
)

const text = fc.oneof(fc.constantFrom('1.0', ', 1e5]', '"', '\\', ':1.0,', '{{1.0}}'), fc.string({ unit: 'grapheme' }))
  .map((drawn) => JSON.stringify(drawn.replaceAll('\0', '0').toWellFormed()))

const values = fc.letrec<{ json: string; object: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    numeral,
    text,
    fc.constantFrom('null', 'true'),
    tie('object'),
    fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join()}]`),
  ),
  // Numeric names would come first, and `toEqual` does not see the name `__proto__`.
  object: fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z][a-z .\\"]{0,5}$/), tie('json')), {
    maxLength: 4,
    selector: ([name]) => name,
  }).map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`),
}))

/** JSON in its shortest form, with any numbers in it. */
export const jsonText: fc.Arbitrary<string> = values.json
/** The same, an object. */
export const objectText: fc.Arbitrary<string> = values.object
