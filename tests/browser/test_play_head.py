"""The part `head`, in Deno and in a browser, against torch."""

import pytest
import torch
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import DEFAULT, js, model_of, steps_of  # noqa: F401 - js is a fixture
from test_play_parts import bundle_of, part  # noqa: F401 - fixtures

from charseq import CharRNN, Vocabulary
from charseq.reference import loss_floor

TEXT = " learned deep learning"
HEAD = {"optimizer": "adam", "lr": 0.02, "hidden": 10, "epochs": 60}


@pytest.mark.parametrize("head", [False, True])
def test_a_state_is_the_answer_only_without_an_output_layer(js, head):
    run = DEFAULT | HEAD | {"epochs": 40} | {"outputLayer": head}
    found = js("settings => looksLikeAnswer(trained(settings).at(40).pass, 10)", run)
    model, vocab = model_of(run)
    for record in steps_of(run | {"epochs": 39}, model, vocab):
        assert record.loss > 0
    ids = torch.from_numpy(vocab.encode(TEXT))[None, :-1]
    said = model(ids)[0][0].argmax(dim=1)
    expected = int((model.states(ids)[0][0].argmax(dim=1) == said).sum())
    assert found == expected
    assert (found == 21) is not head


@pytest.fixture(scope="module")
def told():
    """What the part has to say with and without the layer, at epochs 1, 22 and 60."""
    vocab = Vocabulary.from_text(TEXT)
    ids = torch.from_numpy(vocab.encode(TEXT))
    found = {}
    for head in (False, True):
        model = CharRNN(10, 10, output_layer=head, seed=0).double()
        adam = torch.optim.Adam(model.parameters(), lr=0.02)
        for epoch in range(1, 61):
            states = model.states(ids[None, :-1])[0][0]
            logits = model(ids[None, :-1])[0][0]
            loss = torch.nn.functional.cross_entropy(logits, ids[1:])
            says = logits.argmax(dim=1)
            start = "With" if head else "Without"
            same = (states.argmax(1) == says).sum()
            like = f"The highest unit is that of the letter said at {same} of 21 steps."
            if head:
                like = (
                    like.replace("said at ", "said at only ")[:-1]
                    + "; guessing would give about 2."
                )
            side = "below" if loss < loss_floor(10) else "above"
            found[head, epoch] = (
                (
                    f"{start} the output layer, epoch {epoch}: loss {loss:.3f}, {side} the floor "
                    f"of {loss_floor(10):.3f}; "
                    f"{(says == ids[1:]).sum()} of 21 letters are right. {like}"
                ),
                vocab.decode(says),
            )
            adam.zero_grad()
            loss.backward()
            adam.step()
    return found


def test_the_switch_shows_both_networks_of_torch(part, told):
    page = part("head", **HEAD)
    said = page.locator(".play-readout")
    said.filter(has_text="epoch 60").wait_for()
    dotted = page.locator(".play-curve .play-before")
    assert dotted.get_attribute("d") == ""  # it would give the answer away
    for head in (False, True, False):
        page.get_by_role("radio", name="with" if head else "without", exact=True).check()
        for epoch in (1, 22, 60):
            page.get_by_role("slider", name="Epoch").fill(str(epoch))
            sentence, says = told[head, epoch]
            assert said.text_content() == sentence
            words = page.locator(".play-row-words text").all_text_contents()
            assert "".join(words).replace("it says", "") == says.replace(" ", "␣")
            wrong = page.locator(".play-row-words text.play-wrong-word").count()
            assert wrong == sum(a != b for a, b in zip(says, TEXT[1:], strict=True))
    assert dotted.get_attribute("d")
    assert "dotted: with the layer" in page.locator(".play-curve").text_content()
    page.get_by_role("radio", name="without", exact=True).press("ArrowRight")
    assert said.text_content() == told[True, 60][0]
    page.wait_for_function(  # it has glided to the other curve
        "document.querySelector('.play-curve svg').ariaLabel.startsWith('Loss from 2.362 at')"
    )
