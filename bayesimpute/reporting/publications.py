"""The publications that reports cite.

To cite another one, enter it in :data:`REFERENCES` and say in :func:`bayesimpute.reporting.citing.used` which runs use
it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A publication.

    Parameters
    ----------
    short : str
        As the text names it: ``Rubin 1987``.
    kind : str
        BibTeX's entry type.
    fields : mapping of str to str
        BibTeX's fields.
    """

    short: str
    kind: str
    fields: Mapping[str, str]

    def bibtex(self, key: str, **more: str) -> str:
        """The entry under a key, with more fields."""
        lines = [f"  {name} = {{{value}}}," for name, value in {**self.fields, **more}.items()]
        return "\n".join([f"@{self.kind}{{{key},", *lines, "}"])


def _article(short: str, **fields: str) -> Reference:
    return Reference(short=short, kind="article", fields=fields)


REFERENCES: Mapping[str, Reference] = MappingProxyType(
    {
        "bayesimpute": Reference(
            short="bayesimpute",
            kind="misc",
            fields={
                "author": "{The bayesimpute developers}",
                "title": "bayesimpute: {Bayesian} multiple imputation of incomplete multilevel data",
            },
        ),
        "pymc": _article(
            "Abril-Pla et al. 2023",
            author="Abril-Pla, Oriol and Andreani, Virgile and Carroll, Colin and Dong, Larry and Fonnesbeck, "
            "Christopher J. and Kochurov, Maxim and Kumar, Ravin and Lao, Junpeng and Luhmann, Christian C. and "
            "Martin, Osvaldo A. and Osthege, Michael and Vieira, Ricardo and Wiecki, Thomas and Zinkov, Robert",
            title="{PyMC}: a modern and comprehensive probabilistic programming framework in {Python}",
            journal="PeerJ Computer Science",
            year="2023",
            volume="9",
            pages="e1516",
            doi="10.7717/peerj-cs.1516",
        ),
        "bambi": _article(
            "Capretto et al. 2022",
            author=r"Capretto, Tom{\'a}s and Piho, Camen and Kumar, Ravin and Westfall, Jacob and Yarkoni, Tal and "
            "Martin, Osvaldo A.",
            title="{Bambi}: a simple interface for fitting {Bayesian} linear models in {Python}",
            journal="Journal of Statistical Software",
            year="2022",
            volume="103",
            number="15",
            pages="1--29",
            doi="10.18637/jss.v103.i15",
        ),
        "arviz": _article(
            "Martin et al. 2026",
            author="Martin, Osvaldo A. and Abril-Pla, Oriol and Deklerk, Jordan and Axen, Seth D. and Carroll, Colin "
            "and Hartikainen, Ari and Vehtari, Aki",
            title="{ArviZ}: a modular and flexible library for exploratory analysis of {Bayesian} models",
            journal="Journal of Open Source Software",
            year="2026",
            volume="11",
            number="119",
            pages="9889",
            doi="10.21105/joss.09889",
        ),
        "xarray": _article(
            "Hoyer & Hamman 2017",
            author="Hoyer, Stephan and Hamman, Joseph J.",
            title="xarray: {N-D} labeled arrays and datasets in {Python}",
            journal="Journal of Open Research Software",
            year="2017",
            volume="5",
            number="1",
            pages="10",
            doi="10.5334/jors.148",
        ),
        "rubin1987": Reference(
            short="Rubin 1987",
            kind="book",
            fields={
                "author": "Rubin, Donald B.",
                "title": "Multiple Imputation for Nonresponse in Surveys",
                "publisher": "Wiley",
                "address": "New York",
                "year": "1987",
                "doi": "10.1002/9780470316696",
            },
        ),
        "barnard1999": _article(
            "Barnard & Rubin 1999",
            author="Barnard, John and Rubin, Donald B.",
            title="Small-sample degrees of freedom with multiple imputation",
            journal="Biometrika",
            year="1999",
            volume="86",
            number="4",
            pages="948--955",
            doi="10.1093/biomet/86.4.948",
        ),
        "vanbuuren2018": Reference(
            short="van Buuren 2018",
            kind="book",
            fields={
                "author": "van Buuren, Stef",
                "title": "Flexible Imputation of Missing Data",
                "edition": "2",
                "publisher": "Chapman and Hall/CRC",
                "address": "Boca Raton",
                "year": "2018",
                "doi": "10.1201/9780429492259",
            },
        ),
        "bartlett2015": _article(
            "Bartlett et al. 2015",
            author="Bartlett, Jonathan W. and Seaman, Shaun R. and White, Ian R. and Carpenter, James R.",
            title="Multiple imputation of covariates by fully conditional specification: accommodating the substantive "
            "model",
            journal="Statistical Methods in Medical Research",
            year="2015",
            volume="24",
            number="4",
            pages="462--487",
            doi="10.1177/0962280214521348",
        ),
        "vonhippel2020": _article(
            "von Hippel 2020",
            author="von Hippel, Paul T.",
            title="How many imputations do you need? {A} two-stage calculation using a quadratic rule",
            journal=r"Sociological Methods \& Research",
            year="2020",
            volume="49",
            number="3",
            pages="699--718",
            doi="10.1177/0049124117747303",
        ),
        "vehtari2021": _article(
            "Vehtari et al. 2021",
            author=r"Vehtari, Aki and Gelman, Andrew and Simpson, Daniel and Carpenter, Bob and B{\"u}rkner, "
            "Paul-Christian",
            title=r"Rank-normalization, folding, and localization: an improved $\widehat{R}$ for assessing convergence "
            "of {MCMC}",
            journal="Bayesian Analysis",
            year="2021",
            volume="16",
            number="2",
            pages="667--718",
            doi="10.1214/20-BA1221",
        ),
        "hoffman2014": _article(
            "Hoffman & Gelman 2014",
            author="Hoffman, Matthew D. and Gelman, Andrew",
            title="The {No-U-Turn} sampler: adaptively setting path lengths in {Hamiltonian} {Monte Carlo}",
            journal="Journal of Machine Learning Research",
            year="2014",
            volume="15",
            number="47",
            pages="1593--1623",
        ),
        "heckman1979": _article(
            "Heckman 1979",
            author="Heckman, James J.",
            title="Sample selection bias as a specification error",
            journal="Econometrica",
            year="1979",
            volume="47",
            number="1",
            pages="153--161",
            doi="10.2307/1912352",
        ),
        "vandeven1981": _article(
            "van de Ven & van Praag 1981",
            author="van de Ven, Wynand P. M. M. and van Praag, Bernard M. S.",
            title="The demand for deductibles in private health insurance: a probit model with sample selection",
            journal="Journal of Econometrics",
            year="1981",
            volume="17",
            number="2",
            pages="229--252",
            doi="10.1016/0304-4076(81)90028-2",
        ),
        "munoz2024": _article(
            "Muñoz et al. 2024",
            author=r"Mu{\~n}oz, Johanna and Efthimiou, Orestis and Audigier, Vincent and de Jong, Valentijn M. T. and "
            "Debray, Thomas P. A.",
            title="Multiple imputation of incomplete multilevel data using {Heckman} selection models",
            journal="Statistics in Medicine",
            year="2024",
            volume="43",
            number="3",
            pages="514--533",
            doi="10.1002/sim.9965",
            note="First published online in 2023",
        ),
        "tompsett2018": _article(
            "Tompsett et al. 2018",
            author="Tompsett, Daniel Mark and Leacy, Finbarr and Moreno-Betancur, Margarita and Heron, Jon and White, "
            "Ian R.",
            title="On the use of the not-at-random fully conditional specification ({NARFCS}) procedure in practice",
            journal="Statistics in Medicine",
            year="2018",
            volume="37",
            pages="2338--2353",
            doi="10.1002/sim.7643",
        ),
        "lee2021": _article(
            "Lee et al. 2021",
            author="Lee, Katherine J. and Tilling, Kate M. and Cornish, Rosie P. and Little, Roderick J. A. and Bell, "
            "Melanie L. and Goetghebeur, Els and Hogan, Joseph W. and Carpenter, James R.",
            title="Framework for the treatment and reporting of missing data in observational studies: the {Treatment "
            "And Reporting of Missing data in Observational Studies} framework",
            journal="Journal of Clinical Epidemiology",
            year="2021",
            volume="134",
            pages="79--88",
            doi="10.1016/j.jclinepi.2021.01.008",
        ),
        "sterne2009": _article(
            "Sterne et al. 2009",
            author="Sterne, Jonathan A. C. and White, Ian R. and Carlin, John B. and Spratt, Michael and Royston, "
            "Patrick and Kenward, Michael G. and Wood, Angela M. and Carpenter, James R.",
            title="Multiple imputation for missing data in epidemiological and clinical research: potential and "
            "pitfalls",
            journal="BMJ",
            year="2009",
            volume="338",
            pages="b2393",
            doi="10.1136/bmj.b2393",
        ),
    }
)
