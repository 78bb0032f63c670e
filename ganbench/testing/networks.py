"""What an architecture or a recipe promises."""

from __future__ import annotations

import dataclasses
import functools

import torch
from torch import Tensor

from ganbench.errors import GanbenchError
from ganbench.run.build import Materials
from ganbench.testing.promise import Broken, NotClaimed, Subject, promise
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.testing.together import Together
from ganbench.testing.trial import PARTNER, Trial, unequal
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.graph_runner import GraphRunner

_MODELS = ("architecture", "recipe")
_TRAINED = (*_MODELS, "loss", "augmentation", "dataset")
_CPU = torch.device("cpu")
_SAMPLES = 64
_ITERATIONS = 2
_MOST_ITERATIONS = 8
"""After so many iterations every module must have moved, also one that is updated in every fifth."""


@promise(*_TRAINED, is_ground=True)
def it_can_be_built(subject: Subject) -> None:
    """A run of it can be built on its dataset, from its defaults."""
    try:
        Trial(subject)
    except GanbenchError as error:
        remedy = error.hint or "give the trial a dataset and options that suit it: settings={'dataset.name': ...}"
        raise Broken(error.what, remedy=remedy) from None


def made_samples(materials: Materials, count: int = _SAMPLES) -> Tensor:
    """Return samples of the evaluated modules at initialisation, ``[count, *size]`` as networks see them."""
    networks, dataset = materials.networks, materials.dataset
    inputs = networks.inputs.draw(count, torch.Generator().manual_seed(0), dataset=dataset)
    labels = torch.arange(count) % max(dataset.num_classes, 1) if networks.inputs.labels else None
    with torch.inference_mode():
        return materials.algorithm.sample(inputs, labels).float()


@promise(*_MODELS)
def its_samples_are_finite(subject: Subject) -> None:
    """At initialisation no generated value is NaN or infinite."""
    samples = made_samples(Trial(subject).materials)
    if not bool(samples.isfinite().all()):
        raise Broken(
            "the generator makes NaN or Inf before it is trained", remedy="look at its initialisation and at divisions and logarithms"
        )


@promise(*_MODELS)
def its_samples_lie_where_the_data_lie(subject: Subject) -> None:
    """What it makes at initialisation has the range of the real samples as networks see them."""
    trial = Trial(subject)
    space, samples = trial.materials.dataset.space, made_samples(trial.materials)
    if samples.shape[1:] != space.size:
        raise NotClaimed("its samples are of another space than its data")
    real = trial.materials.sampler.next(trial.materials.config.training.batch_size).samples.float()
    low, high = float(real.min()), float(real.max())
    extent = high - low
    if float(samples.max()) > high + 10 * extent or float(samples.min()) < low - 10 * extent:
        ours = f"from {float(samples.min()):.3g} to {float(samples.max()):.3g}"
        what = f"the generator's samples reach {ours}, and networks see real ones from {low:.3g} to {high:.3g}"
        raise Broken(what, remedy="scale them to the data's range; images are in [-1, 1], as after a tanh")
    if low < -extent / 4 and float(samples.min()) >= 0:
        what = f"no generated value is below 0, and real samples reach from {low:.3g} to {high:.3g}"
        raise Broken(what, remedy="end the generator with a tanh instead of a sigmoid or a ReLU")


@promise(*_MODELS)
def its_samples_differ(subject: Subject) -> None:
    """Different inputs give different samples."""
    samples = made_samples(Trial(subject).materials, 8)
    if float((samples - samples[:1]).abs().max()) == 0:
        raise Broken("the generator makes the same sample of every input", remedy="let the latents reach its output")


@promise(*_MODELS)
def its_logits_have_no_sigmoid(subject: Subject) -> None:
    """The discriminator returns logits: losses apply the sigmoid themselves."""
    trial = Trial(subject)
    networks = trial.materials.networks
    if "discriminator" not in networks.modules or trial.materials.config.training.packing != 1:
        raise NotClaimed("it has no discriminator of single samples")
    real = trial.materials.sampler.next(trial.materials.config.training.batch_size)
    labels = real.labels if networks.inputs.labels else None
    answers = []
    with torch.no_grad():
        for scale in (0.0, 0.1, -1.0, 1.0, 10.0, -10.0, 100.0):
            try:
                answer = networks["discriminator"](real.samples * scale, labels)
            except Exception as error:
                raise NotClaimed(f"its discriminator judges something else than samples ({type(error).__name__})") from None
            answers.append((answer[0] if isinstance(answer, tuple) else answer).float().flatten())
    logits = torch.cat(answers)
    if float(logits.min()) >= 0 and float(logits.max()) <= 1 and float(logits.max() - logits.min()) > 0:
        raise Broken("all outputs of the discriminator lie between 0 and 1", remedy="leave out the sigmoid at its end: losses take logits")


@promise(*_TRAINED)
def its_first_losses_are_finite(subject: Subject) -> None:
    """A few iterations give losses that are numbers."""
    trial = Trial(subject)
    trial.train(_ITERATIONS)
    losses = trial.losses()
    if not bool(losses.isfinite().all()):
        raise Broken(
            f"a loss became {losses[~losses.isfinite()][0].item()} within {_ITERATIONS} iterations",
            remedy="look at the learning rate and at logarithms of 0",
        )


@promise(*_TRAINED)
def every_module_learns(subject: Subject) -> None:
    """Each module that has trainable parameters has moved after a few iterations."""
    trial = Trial(subject)
    before = trial.weights()
    still = [n for n, m in trial.materials.networks.modules.items() if any(p.requires_grad for p in m.parameters())]
    for _ in range(_MOST_ITERATIONS):
        trial.train(1)
        moved = unequal(before, trial.weights())
        still = [name for name in still if not any(path.startswith(f"{name}.") for path in moved)]
        if not still:
            return
    what = f"the {still[0]} has not moved after {_MOST_ITERATIONS} iterations"
    raise Broken(what, remedy="let its gradients through: no detach() and no no_grad() on the way, and every module in an optimizer")


@promise(*_TRAINED)
def the_same_seed_gives_the_same_bits(subject: Subject) -> None:
    """Two runs of one seed are equal, and another seed gives another run."""
    once, again = Trial(subject), Trial(subject)
    other = Trial(subject, PARTNER, **{"training.seed": 1})
    remedy = "draw random numbers from torch's generator or from the algorithm's stream only, not from numpy, random or the time"
    for trial in (once, again, other):
        trial.train(_ITERATIONS)
    if different := unequal(once.weights(), again.weights()):
        raise Broken(f"two runs of the same seed differ in {different[0]}", remedy=remedy)
    if once.losses().equal(other.losses()):
        raise Broken("another seed gives the same losses", remedy="leave the seeding to the harness")


@promise(*_TRAINED)
def it_resumes_to_the_same_bits(subject: Subject) -> None:
    """A run that goes on from its saved state is the run that was never stopped."""
    whole, resumed = Trial(subject), Trial(subject)
    whole.train(_ITERATIONS)
    saved = whole.save()
    whole.train(_ITERATIONS)
    resumed.load(saved)
    resumed.train(_ITERATIONS)
    different = unequal(whole.weights(), resumed.weights())
    if different or not whole.losses().equal(resumed.losses()):
        remedy = "track everything that changes while it trains: buffers of modules are saved, plain attributes are not"
        raise Broken(f"a resumed run differs from the whole one in {(different or ['its losses'])[0]}", remedy=remedy)


@promise(*_MODELS, "loss", "augmentation")
def it_trains_in_bf16(subject: Subject) -> None:
    """Under autocast to bfloat16 the losses stay finite and the weights stay float32."""
    trial = Trial(subject, **{"training.precision": "bf16"})
    before = trial.weights()
    trial.train(_ITERATIONS)
    if not unequal(before, trial.weights()):
        raise Broken("nothing moves in bf16", remedy="look for a cast that cuts the gradient")
    if not bool(trial.losses().isfinite().all()):
        raise Broken("a loss is not finite in bf16", remedy="compute losses, norms and logarithms in float32: x.float()")
    dtypes = {p.dtype for m in trial.algorithm.modules().values() for p in m.parameters()}
    if dtypes - {torch.float32, torch.float64}:
        raise Broken(f"weights became {', '.join(sorted(map(str, dtypes)))}", remedy="leave the precision of weights to the harness")


@promise(*_MODELS, "loss", "augmentation")
def its_captured_steps_are_the_eager_ones(subject: Subject) -> None:
    """Replayed without their Python, as CUDA graphs do it, its steps give the same bits."""
    eager, replayed = Trial(subject), Trial(subject)
    if replayed.materials.config.generator_optimizer.kind == "rmsprop":
        # On a CPU torch's RMSprop reads its learning rate on the host, which it does not on a GPU.
        adam = {f"{name}_optimizer.kind": "adam" for name in ("generator", "discriminator")}
        eager, replayed = Trial(subject, **adam), Trial(subject, **adam)
    if "cuda_graph" not in replayed.algorithm.runners:
        raise NotClaimed("its algorithm does not claim captured steps")
    runner = GraphRunner(replayed.algorithm, _CPU, RecordedGraphs())
    remedy = "no .item(), no branch on a tensor, no number of the host that changes from step to step: keep it in a tensor"
    try:
        replayed.start(runner.start)
    except GanbenchError as error:
        raise Broken(error.what, remedy=remedy) from None
    replayed.train(3, runner.run)
    eager.train(3)
    different = unequal(eager.weights(), replayed.weights())
    if different or not eager.losses().equal(replayed.losses()):
        raise Broken(f"captured steps differ from the eager ones in {(different or ['their losses'])[0]}", remedy=remedy)


@promise(*_MODELS, "loss", "augmentation")
def its_processes_have_the_same_weights(subject: Subject) -> None:
    """Of two processes that train it together, as under torchrun, each has the weights of the other, bit for bit."""
    if not getattr(type(Trial(subject).algorithm), "shares_batches", False):
        raise NotClaimed("its algorithm is trained by one process")
    together = Together(2)
    trials = [Trial(dataclasses.replace(subject, ranks=ranks)) for ranks in together.ranks]
    before = trials[0].parameters()
    together.run([functools.partial(trial.train, _ITERATIONS) for trial in trials])
    if different := unequal(trials[0].parameters(), trials[1].parameters()):
        remedy = "take every step with Algorithm.step, which averages the gradients, and start from weights that are drawn for all"
        raise Broken(f"two processes that train it have other weights in {different[0]}", remedy=remedy)
    if not unequal(before, trials[0].parameters()):
        raise Broken("nothing moves where two processes train it", remedy="look at what a process does with its share of a batch")


@promise("architecture", "loss", "augmentation")
def its_compiled_steps_are_the_eager_ones(subject: Subject) -> None:
    """Through ``torch.compile`` the first losses are the eager ones, up to rounding."""
    torch._dynamo.reset()
    eager, compiled = Trial(subject), Trial(subject)
    if "compile" not in compiled.algorithm.runners:
        raise NotClaimed("its algorithm does not claim compiled steps")
    runner = CompileRunner(compiled.algorithm, _CPU, "aot_eager")
    try:
        compiled.start(runner.start)
    except GanbenchError as error:
        raise Broken(error.what, remedy="keep to operations of torch, or leave 'compile' out of the algorithm's runners") from None
    compiled.train(1, runner.run)
    eager.train(1)
    if not torch.allclose(compiled.losses(), eager.losses(), rtol=1e-4, atol=1e-5):
        raise Broken("compiled steps give other losses than the eager ones", remedy="leave 'compile' out of the algorithm's runners")


@promise("recipe")
def its_deviations_are_sentences(subject: Subject) -> None:
    """Where it differs from its source it says so, and it names its source."""
    if not subject.spec.paper:
        raise Broken("the recipe names no source", remedy="say where its numbers come from: paper='Authors, year, address'")
