import { describe, expect, test } from 'vitest'
import * as v from 'valibot'
import { configOf, TRIGGER_TYPE_NAMES, triggerTypeOf } from '../../core/trigger-types/index.ts'
import { callTopic, endTopic } from '../../core/trigger-types/topic.ts'
import { triggerType } from '../../core/trigger-types/trigger-type.ts'
import { ids } from './bench.ts'

/** Types of trigger: each answers every question that the orchestrator asks about it. */

const ANSWERS = {
  credential: 'none',
  path: null,
  rateLimited: false,
  source: true,
  listens: () => true,
  cursorSurvivesEdit: false,
  references: () => [],
  screen: () => null,
} as const

describe('a new type', () => {
  const config = v.strictObject({ loft: v.string() })

  test('declares what is asked of it, and reads its own config', () => {
    const pigeon = triggerType({ ...ANSWERS, name: 'pigeon', config, subscribes: ({ loft }) => [callTopic(loft)] })
    expect(pigeon.name satisfies 'pigeon').toBe('pigeon')
    expect(pigeon.subscribes({ loft: 'north' })).toEqual(['call north'])
    // @ts-expect-error A config of another shape does not compile.
    expect(pigeon.subscribes({})).toEqual(['call undefined'])
  })

  test('does not compile when it leaves a question open', () => {
    // @ts-expect-error What fires it is missing.
    expect(triggerType({ ...ANSWERS, name: 'pigeon', config })).not.toHaveProperty('subscribes')
    // @ts-expect-error There is no such rule for credentials.
    triggerType({ ...ANSWERS, name: 'pigeon', config, subscribes: () => [], credential: 'ring' })
  })
})

describe('the types that there are', () => {
  test.each(TRIGGER_TYPE_NAMES)(
    '%s: only what is called without a key has a limit, and only what listens is a source',
    (name) => {
      const type = triggerTypeOf(name)
      expect(type.name).toBe(name)
      expect(type.rateLimited).toBe(type.path !== null)
      // The address of a trigger begins with its type: a fleet that is closed is found by it.
      if (type.path !== null) expect(type.path).toBe(`/${name}`)
      if (type.listens({})) expect(type.source).toBe(true)
    },
  )

  test('a workflow_call subscribes to its alias and to each end that it waits for', () => {
    const after = { workflows: ['a', 'b'], statuses: ['failed', 'timeout'] }
    const config = configOf('workflow_call', { call_alias: 'convert', allowed_callers: ['c'], after })
    const type = triggerTypeOf('workflow_call')
    expect(type.subscribes(config as never)).toEqual([
      callTopic('convert'),
      ...['failed', 'timeout'].flatMap((status) => ['a', 'b'].map((id) => endTopic(status, ids.workflow(id)))),
    ])
    expect(type.references(config as never).map(({ field }) => field)).toEqual([
      'config.call_alias',
      'config.after.workflows',
      'config.after.workflows',
      'config.allowed_callers',
    ])
  })
})
