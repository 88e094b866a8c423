import { describe, expect, test } from 'vitest'
import { NODES } from '../../../robot/nodes/table.ts'
import { ran, say } from './workflow.ts'

describe('a run', () => {
  test('follows the control arrows and returns what the EndNode says', async () => {
    const { result, logs, nodes } = await ran({
      nodes: { start: ['StartNode'], hello: say('hi {{who}}'), end: ['EndNode', { result: { who: '{{who}}' } }] },
      variables: { who: { type: 'String', default_value: 'you' } },
    })
    expect(result).toEqual({ who: 'you' })
    expect(logs).toEqual(['INFO hi you'])
    expect(nodes).toEqual(['start', 'hello', 'end'])
  })

  test('returns the variable result, or just success, where no EndNode says anything', async () => {
    const set = ['SetVariableNode', { variable_name: 'result', value: [1] }] as const
    expect((await ran({ nodes: { start: ['Start'], set } })).result).toEqual([1])
    expect((await ran({ nodes: { start: ['Start'] } })).result).toEqual({ success: true })
  })

  test('takes the job’s parameters over the workflow’s defaults, read as declared', async () => {
    const { result } = await ran({
      nodes: { start: ['Start'], end: ['End', { result: ['{{n}}', '{{ok}}', '{{list}}', '{{extra}}'] }] },
      variables: {
        n: { type: 'Float', default_value: 1 },
        ok: { type: 'Boolean', default_value: true },
        list: { type: 'List', default_value: [] },
      },
      parameters: { n: '2.5', ok: 'false', list: '[1]', extra: 'x' },
    })
    expect(result).toEqual([2.5, false, [1], 'x'])
  })

  test('fails for a parameter that cannot be read as declared', async () => {
    const variables = { n: { type: 'Integer', default_value: 1 } }
    const { error } = await ran({ nodes: { start: ['Start'] }, variables, parameters: { n: 'many' } })
    expect(error).toMatchObject({ type: 'InvalidParameter', message: 'n must be of type Integer, and is "many"' })
  })

  test('fails before any node runs where a node type is unknown', async () => {
    const { error, logs } = await ran({ nodes: { start: ['Start'], hi: say('hi'), click: ['ClickElementNode'] } })
    expect(error).toMatchObject({ type: 'UnknownNodeType', node: 'click' })
    expect(error?.message).toContain('ClickElementNode')
    expect(logs).toEqual([])
  })

  test('fails for what is no workflow', async () => {
    expect((await ran('{"nodes":[]}')).error).toMatchObject({ type: 'InvalidWorkflow' })
  })

  test('runs one branch to its end before the next begins', async () => {
    const { logs } = await ran({
      nodes: { s: ['Start'], a: say('a'), a2: say('a2'), b: say('b') },
      arrows: ['s -> a', 's -> b', 'a -> a2'],
    })
    expect(logs).toEqual(['INFO a', 'INFO a2', 'INFO b'])
  })

  test('ends at the step limit where it would go on for ever', async () => {
    const { error } = await ran({
      nodes: { s: ['Start'], a: ['Merge'], b: ['Merge'] },
      arrows: ['s -> a', 'a -> b', 'b -> a'],
      options: { stepsMax: 1_000 },
    })
    expect(error).toMatchObject({ type: 'StepLimit' })
  })

  test('ends when its job is aborted, and lets the robot breathe meanwhile', async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(new Error('enough')), 30)
    const { error } = await ran({
      nodes: { s: ['Start'], a: ['Merge'] },
      arrows: ['s -> a', 'a -> a'],
      signal: abort.signal,
      options: { stepsMax: 1e9 },
    })
    expect(error?.message).toBe('enough')
  })

  test('names the node at which it failed', async () => {
    const { error } = await ran({ nodes: { s: ['Start'], bad: ['SetVariable', {}] } })
    expect(error).toMatchObject({ name: 'TypeError', message: 'variable_name is required', node: 'bad' })
  })

  test('goes on after a failure where the workflow says so', async () => {
    const { logs, result } = await ran({
      nodes: { s: ['Start'], bad: ['SetVariable', {}], end: ['End', { result: ['{{bad.success}}', '{{bad.error}}'] }] },
      settings: { stop_on_error: false },
    })
    expect(result).toEqual([false, 'variable_name is required'])
    expect(logs).toEqual(['ERROR variable_name is required'])
  })

  test('every node type is found with and without its suffix, in any case', async () => {
    for (const type of Object.keys(NODES)) {
      const { error } = await ran({ nodes: { s: ['Start'], x: [type.replace(/Node$/, '').toUpperCase()] }, arrows: [] })
      expect(error).toBeNull()
    }
  })
})

describe('disabled nodes', () => {
  const off = (type: string, config: object = {}) => [type, { ...config, _disabled: true }] as const

  test('are passed over, of whatever type, and the flow goes on behind them', async () => {
    const { logs, error, nodes } = await ran({
      nodes: {
        s: off('Start'),
        a: say('a'),
        hidden: off('LogNode', { message: 'hidden' }),
        deletes: off('DeleteFileNode', { file_path: 'x' }),
        b: say('b'),
      },
    })
    expect([error, logs, nodes]).toEqual([null, ['INFO a', 'INFO b'], ['a', 'b']])
  })

  test('run where the switch is anything but true', async () => {
    const { logs } = await ran({ nodes: { s: ['Start'], a: ['LogNode', { message: 'a', _disabled: false }] } })
    expect(logs).toEqual(['INFO a'])
  })

  test('hand on what comes in, at the ports of the same name', async () => {
    const { result } = await ran({
      nodes: {
        s: ['Start'],
        set: ['SetVariable', { variable_name: 'x', value: 7 }],
        between: off('TypeTextNode'),
        get: ['SetVariable', { variable_name: 'got' }],
        end: ['End', { result: ['{{got}}', '{{between.fields_out}}'] }],
      },
      arrows: [
        's -> set',
        'set -> between',
        'between -> get',
        'get -> end',
        'set.value -> between.page',
        'set.value -> between.fields_in',
        'between.page -> get.value',
      ],
    })
    expect(result).toEqual([7, 7])
  })

  test('that are loops leave their bodies out', async () => {
    const nodes = {
      s: ['Start'],
      loop: off('ForLoopStart', { items: [1, 2] }),
      body: say('body'),
      end: ['ForLoopEnd', { paired_start_id: 'loop' }],
      done: say('done'),
    } as const
    for (const behind of ['loop.completed -> done', 'end -> done']) {
      const { logs } = await ran({ nodes, arrows: ['s -> loop', 'loop.body -> body', 'body -> end', behind] })
      expect(logs).toEqual(['INFO done'])
    }
  })

  test('that end a loop’s body end it all the same, and others in it are passed over', async () => {
    const { logs } = await ran({
      nodes: {
        s: ['Start'],
        loop: ['ForLoopStart', { items: ['x', 'y'] }],
        next: off('ContinueNode'),
        leave: off('BreakNode'),
        body: say('{{item}}'),
        end: off('ForLoopEnd', { paired_start_id: 'loop' }),
        done: say('done'),
      },
      arrows: ['s -> loop', 'loop.body -> next', 'next -> leave', 'leave -> body', 'body -> end', 'end -> done'],
    })
    expect(logs).toEqual(['INFO x', 'INFO y', 'INFO done'])
  })
})

describe('variables', () => {
  test('are set from values, other variables and data ports', async () => {
    const { result } = await ran({
      nodes: {
        s: ['Start'],
        a: ['SetVariable', { variable_name: 'a', value: { deep: [1, { x: 'y' }] } }],
        b: ['SetVariable', { variable_name: 'b', value: '{{a.deep[1].x}}!' }],
        c: ['SetVariable', { variable_name: 'c' }],
        end: ['End', { result: ['{{a}}', '{{b}}', '{{c}}', '{{b.value}}'] }],
      },
      arrows: ['s -> a', 'a -> b', 'b -> c', 'c -> end', 'a.value -> c.value'],
    })
    const a = { deep: [1, { x: 'y' }] }
    expect(result).toEqual([a, 'y!', a, '{{b.value}}'])
  })

  test('are converted by the node’s variable_type, and counted up', async () => {
    const { result } = await ran({
      nodes: {
        s: ['Start'],
        n: ['SetVariable', { variable_name: 'n', value: '41', variable_type: 'Int32' }],
        up: ['IncrementVariable', { variable_name: 'n' }],
        by: ['IncrementVariable', { variable_name: 'fresh', increment: '2.5' }],
        get: ['GetVariable', { variable_name: 'n' }],
        end: ['End', { result: ['{{n}}', '{{fresh}}', '{{get.value}}'] }],
      },
    })
    expect(result).toEqual([42, 2.5, 42])
  })
})

describe('conditions', () => {
  test.each([
    [{ expression: '{{n}} > 10' }, 'yes'],
    [{ expression: 'n > 10 and not n == 12' }, 'no'],
    [{ condition: '{{flag}}' }, 'no'],
    [{ condition: true }, 'yes'],
    [{}, 'no'],
  ])('If %j goes to %s', async (config, expected) => {
    const { logs } = await ran({
      nodes: { s: ['Start'], if: ['IfNode', config], yes: say('yes'), no: say('no') },
      arrows: ['s -> if', 'if.true -> yes', 'if.false -> no'],
      variables: { n: 12, flag: false },
    })
    expect(logs).toEqual([`INFO ${expected}`])
  })

  test('If prefers what is connected to its port', async () => {
    const { logs } = await ran({
      nodes: {
        s: ['Start'],
        e: ['EvalExpression', { expression: '1 == 2' }],
        if: ['If', { expression: 'True' }],
        yes: say('yes'),
        no: say('no'),
      },
      arrows: ['s -> e', 'e -> if', 'e.result -> if.condition', 'if.true -> yes', 'if.false -> no'],
    })
    expect(logs).toEqual(['INFO no'])
  })

  test.each([['b', 'B'], ['z', 'else']])('Switch on %s goes to %s', async (value, expected) => {
    const { logs } = await ran({
      nodes: { s: ['Start'], sw: ['Switch', { value, cases: ['a', 'b'] }], A: say('A'), B: say('B'), d: say('else') },
      arrows: ['s -> sw', 'sw.case_a -> A', 'sw.case_b -> B', 'sw.default -> d'],
    })
    expect(logs).toEqual([`INFO ${expected}`])
  })
})

test('Wait takes its time, and ends when the job is aborted', async () => {
  const before = performance.now()
  await ran({ nodes: { s: ['Start'], w: ['WaitNode', { duration: 0.03 }] } })
  expect(performance.now() - before).toBeGreaterThanOrEqual(29)
  const signal = AbortSignal.timeout(10)
  const { error } = await ran({ nodes: { s: ['Start'], w: ['Wait', { duration: 60 }] }, signal })
  expect(error?.name).toBe('AbortError')
})

test('Log has levels and data', async () => {
  const { logs } = await ran({
    nodes: { s: ['Start'], l: ['Log', { message: 'm', level: 'warning', data: { a: 1 } }] },
  })
  expect(logs).toEqual(['WARNING m | {"a":1}'])
})
